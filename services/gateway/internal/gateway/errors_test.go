package gateway

import (
	"context"
	"net"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	userv1 "heyday/gateway/gen/heyday/user/v1"
)

func withDetails(t *testing.T, code codes.Code, message string, details ...protoadapt.MessageV1) error {
	t.Helper()
	detailed, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return detailed.Err()
}

func TestAServicesErrorsBecomeStatuses(t *testing.T) {
	services, client := start(t)
	codesByHTTP := map[codes.Code]int{
		codes.InvalidArgument: 400, codes.NotFound: 404, codes.AlreadyExists: 409, codes.Aborted: 409, codes.FailedPrecondition: 400,
		codes.ResourceExhausted: 429, codes.PermissionDenied: 403, codes.Unauthenticated: 401, codes.Unavailable: 503, codes.Internal: 500,
		codes.DeadlineExceeded: 504,
	}
	for code, want := range codesByHTTP {
		info := &errdetails.ErrorInfo{Reason: "EMAIL_TAKEN", Domain: "heyday", Metadata: map[string]string{"field": "email"}}
		services.answers(nil, withDetails(t, code, "In the service's words.", info))
		got := client.do("POST", "/api/v1/users", "{}")
		problem := got.problem(t)
		if got.code != want || problem.Code != int(code) || problem.Message != "In the service's words." || problem.Details[0].Reason != "EMAIL_TAKEN" {
			t.Errorf("%s: %d %s", code, got.code, got.body)
		}
	}
}

func TestAReadTriedInVainIsToldInTheServicesWords(t *testing.T) {
	services, client := start(t)
	info := &errdetails.ErrorInfo{Reason: "DATABASE_UNAVAILABLE", Domain: "heyday"}
	services.answers(nil, withDetails(t, codes.Unavailable, "The database does not answer: desc = try again.", info))
	problem := client.do("GET", "/api/v1/users?pageSize=1", "").problem(t)
	if problem.Code != int(codes.Unavailable) || problem.Message != "The database does not answer: desc = try again." {
		t.Errorf("%v", problem)
	}
}

func TestFieldsAreSpelledAsTheCallerDid(t *testing.T) {
	services, client := start(t)
	services.answers(nil, withDetails(t, codes.InvalidArgument, "Two mistakes.", &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
		{Field: "user.first_name", Description: "It is empty."}, {Field: "birthday", Description: "It is in the future."},
	}}))
	problem := client.do("POST", "/api/v1/users", "{}").problem(t)
	if !slices.Equal(problem.fields(), []string{"firstName", "birthday"}) || problem.Message != "Two mistakes." {
		t.Errorf("%v", problem)
	}
}

func TestNothingOfOurInsidesIsTold(t *testing.T) {
	services, client := start(t)
	for _, code := range []codes.Code{codes.Unknown, codes.Internal, codes.DataLoss, codes.Unimplemented} {
		services.answers(nil, status.Error(code, "SELECT * FROM users: Traceback (most recent call last)"))
		got := client.do("GET", "/api/v1/users/7", "")
		if strings.Contains(got.body, "SELECT") || strings.Contains(got.body, "Traceback") || got.problem(t).Message == "" {
			t.Errorf("%s: %s", code, got.body)
		}
	}
}

func TestAServiceThatIsDown(t *testing.T) {
	services, client := start(t, "USER_SERVICE_TARGET=dns:///127.0.0.1:1")
	services.answers(nil, nil)
	for _, method := range []string{"GET", "DELETE"} {
		got := client.do(method, "/api/v1/users/7", "")
		if got.code != 503 || got.header.Get("Retry-After") != "1" || strings.Contains(got.body, "127.0.0.1") {
			t.Errorf("%d %s", got.code, got.body)
		}
	}
}

func TestAReadThatFoundNobodyIsRepeated(t *testing.T) {
	services, client := start(t)
	services.answers(nil, status.Error(codes.Unavailable, "Shutting down."))
	client.do("GET", "/api/v1/users/7", "")
	reads := services.calls
	client.do("DELETE", "/api/v1/users/7", "")
	if reads != 3 || services.calls != reads+1 {
		t.Errorf("%d calls to read, %d to delete", reads, services.calls-reads)
	}
}

func TestACallHasADeadline(t *testing.T) {
	services, client := start(t, "REQUEST_TIMEOUT_SECONDS=1")
	services.answer = func(ctx context.Context, _ proto.Message) (proto.Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if got := client.do("GET", "/api/v1/users/7", ""); got.code != 504 || got.problem(t).Code != int(codes.DeadlineExceeded) {
		t.Errorf("%d %s", got.code, got.body)
	}
}

func TestAServiceThatComesBackIsFoundSoon(t *testing.T) {
	t.Parallel()
	listener := listen(t)
	address := listener.Addr().String()
	_ = listener.Close()
	server := httptest.NewServer(newGateway(t, "dns:///"+address).public)
	t.Cleanup(server.Close)
	client := &client{t: t, url: server.URL}
	for range 20 { // long enough for the pauses between attempts to grow
		client.do("DELETE", "/api/v1/users/7", "")
		time.Sleep(100 * time.Millisecond)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Skip("another process has taken the port")
	}
	services := grpc.NewServer()
	userv1.RegisterUserServiceServer(services, userv1.UnimplementedUserServiceServer{})
	t.Cleanup(services.Stop)
	go func() { _ = services.Serve(listener) }()
	deadline := time.Now().Add(5 * time.Second)
	for client.do("DELETE", "/api/v1/users/7", "").code == 503 {
		if time.Now().After(deadline) {
			t.Fatal("not found after five seconds")
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestEveryErrorHasItsReasonAndItsRequest(t *testing.T) {
	services, client := start(t, `RATE_LIMIT_PER_MINUTE_BY_CLASS={"operate":1}`)
	services.answers(nil, status.Error(codes.Unavailable, "In the words of the network."))
	client.do("POST", "/api/v1/jobs/plan:run", "")
	answers := map[string]answer{
		"BAD_REQUEST":                     client.do("POST", "/api/v1/users", "["),
		"NOT_FOUND":                       client.do("GET", "/nothing", ""),
		"METHOD_NOT_ALLOWED":              client.do("DELETE", "/api/v1/users", ""),
		"REQUEST_ENTITY_TOO_LARGE":        client.do("POST", "/api/v1/users", strings.Repeat(" ", 2<<20)),
		"UNSUPPORTED_MEDIA_TYPE":          client.do("POST", "/api/v1/users", "a", "Content-Type: text/plain"),
		"TOO_MANY_REQUESTS":               client.do("POST", "/api/v1/jobs/plan:run", ""),
		"REQUEST_HEADER_FIELDS_TOO_LARGE": client.do("GET", "/", "", "X-Much: "+strings.Repeat("x", 17000)),
		"SERVICE_UNAVAILABLE":             client.do("GET", "/api/v1/users/7", ""),
	}
	for want, got := range answers {
		var reason, domain, request string
		for _, detail := range got.problem(t).Details {
			reason, domain, request = reason+detail.Reason, domain+detail.Domain, request+detail.RequestID
		}
		if reason != want || domain != "gateway" || request == "" || request != got.header.Get("X-Request-Id") {
			t.Errorf("%s: %s", want, got.body)
		}
	}
}

func TestWhatAServiceSaysOfAnErrorIsNotSaidTwice(t *testing.T) {
	services, client := start(t)
	services.answers(nil, withDetails(t, codes.NotFound, "None.", &errdetails.ErrorInfo{Reason: "NOT_FOUND", Domain: "users"}, &errdetails.RequestInfo{RequestId: "r"}))
	if problem := client.do("GET", "/api/v1/users/7", "").problem(t); len(problem.Details) != 2 || problem.Details[0].Domain != "users" {
		t.Errorf("%v", problem)
	}
}
