package gateway

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	notifierv1 "heyday/gateway/gen/heyday/notifier/v1"
	schedulerv1 "heyday/gateway/gen/heyday/scheduler/v1"
	statusv1 "heyday/gateway/gen/heyday/status/v1"
	userv1 "heyday/gateway/gen/heyday/user/v1"
)

// backends is all services in one process. It remembers the last call and answers as it is told.
type backends struct {
	statusv1.UnimplementedStatusServiceServer
	target string
	health *grpchealth.Server
	status *statusv1.ProcessStatus

	mutex    sync.Mutex
	rpc      string
	request  proto.Message
	metadata metadata.MD
	calls    int
	answer   func(ctx context.Context, request proto.Message) (proto.Message, error)
}

func startBackends(t *testing.T, options ...grpc.ServerOption) *backends {
	t.Helper()
	b := &backends{health: grpchealth.NewServer(), status: &statusv1.ProcessStatus{State: statusv1.ProcessStatus_SERVING}}
	b.health.SetServingStatus(readiness, grpc_health_v1.HealthCheckResponse_SERVING)
	server := grpc.NewServer(append(options, grpc.UnaryInterceptor(b.intercept))...)
	userv1.RegisterUserServiceServer(server, userv1.UnimplementedUserServiceServer{})
	schedulerv1.RegisterSchedulerServiceServer(server, schedulerv1.UnimplementedSchedulerServiceServer{})
	notifierv1.RegisterNotifierServiceServer(server, notifierv1.UnimplementedNotifierServiceServer{})
	grpc_health_v1.RegisterHealthServer(server, b.health)
	statusv1.RegisterStatusServiceServer(server, b)
	listener := listen(t)
	b.target = "dns:///" + listener.Addr().String()
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return b
}

func (b *backends) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if strings.HasPrefix(info.FullMethod, "/grpc.health.") || info.FullMethod == statusv1.StatusService_GetStatus_FullMethodName {
		return handler(ctx, request)
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.rpc, b.request, b.calls = info.FullMethod, request.(proto.Message), b.calls+1
	b.metadata, _ = metadata.FromIncomingContext(ctx)
	if b.answer == nil {
		return nil, status.Error(codes.NotFound, "There is no such thing.")
	}
	return b.answer(ctx, b.request)
}

// GetStatus tells what all the services tell of themselves.
func (b *backends) GetStatus(context.Context, *statusv1.GetStatusRequest) (*statusv1.ProcessStatus, error) {
	return b.status, nil
}

func (b *backends) answers(message proto.Message, err error) {
	b.answer = func(context.Context, proto.Message) (proto.Message, error) { return message, err }
}

// settingsFor are the defaults of the test environment, changed by NAME=VALUE.
func settingsFor(t *testing.T, target string, changes ...string) Settings {
	t.Helper()
	environment := map[string]string{
		"ENVIRONMENT": "test", "HTTP_ADDRESS": "127.0.0.1:0", "INTERNAL_ADDRESS": "127.0.0.1:0", "RATE_LIMIT_PER_MINUTE": "0",
		"USER_SERVICE_TARGET": target, "SCHEDULER_SERVICE_TARGET": target, "NOTIFIER_SERVICE_TARGET": target,
		"DISPATCHER_SERVICE_TARGET": target,
	}
	for _, change := range changes {
		name, value, _ := strings.Cut(change, "=")
		environment[name] = value
	}
	settings, err := Load(func(name string) (string, bool) { value, ok := environment[name]; return value, ok })
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

func newGateway(t *testing.T, target string, changes ...string) *Gateway {
	t.Helper()
	g, err := New(settingsFor(t, target, changes...), "v1.2.3", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	return g
}

// start serves the public API of a gateway before fake services.
func start(t *testing.T, changes ...string) (*backends, *client) {
	t.Helper()
	b := startBackends(t)
	server := httptest.NewServer(newGateway(t, b.target, changes...).public)
	t.Cleanup(server.Close)
	return b, &client{t: t, url: server.URL}
}

type client struct {
	t   *testing.T
	url string
}

// answer is a response, read to its end.
type answer struct {
	code   int
	header http.Header
	body   string
}

// do sends a request; headers are NAME: VALUE. A body is JSON unless they say otherwise.
func (c *client) do(method, path, body string, headers ...string) answer {
	c.t.Helper()
	request, err := http.NewRequest(method, c.url+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		request.Header.Set(name, value)
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	response, err := (&http.Client{Transport: transport, CheckRedirect: stay, Timeout: 20 * time.Second}).Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// problem is a google.rpc.Status as a client reads it.
type problem struct {
	Code    int
	Message string
	Details []struct {
		Type            string `json:"@type"`
		Reason, Domain  string
		RequestID       string
		FieldViolations []struct{ Field, Description string }
	}
}

func (a answer) problem(t *testing.T) problem {
	t.Helper()
	var read problem
	if err := json.Unmarshal([]byte(a.body), &read); err != nil {
		t.Fatalf("no google.rpc.Status: %q", a.body)
	}
	if kind := a.header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("the error's content type is %q", kind)
	}
	return read
}

// fields are the fields with mistakes, in order.
func (p problem) fields() []string {
	var names []string
	for _, detail := range p.Details {
		for _, violation := range detail.FieldViolations {
			names = append(names, violation.Field)
		}
	}
	return names
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return listener
}
