package gateway

import (
	"context"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	schedulerv1 "heyday/gateway/gen/heyday/scheduler/v1"
	userv1 "heyday/gateway/gen/heyday/user/v1"
)

func TestTheDefaultLimitIsAHundredAMinute(t *testing.T) {
	services, client := start(t, "RATE_LIMIT_PER_MINUTE=")
	services.answers(&userv1.User{}, nil)
	for i := range 100 {
		if got := client.do("GET", "/api/v1/users/1", ""); got.code != 200 {
			t.Fatalf("request %d: %d", i+1, got.code)
		}
	}
	got := client.do("GET", "/api/v1/users/1", "")
	wait, _ := strconv.Atoi(got.header.Get("Retry-After"))
	if got.code != 429 || got.problem(t).Code != 8 || wait != 1 {
		t.Errorf("%d, wait %d: %s", got.code, wait, got.body)
	}
	for _, path := range []string{"/no/such/path", "/openapi.json", "/docs/"} {
		if got := client.do("GET", path, ""); got.code != 429 {
			t.Errorf("%s is free: %d", path, got.code)
		}
	}
	if got := client.do("DELETE", "/api/v1/users/1", ""); got.code != 200 {
		t.Errorf("reads use up the limit of writes: %d", got.code)
	}
	if got := client.do("GET", "/health/live", ""); got.code != 200 {
		t.Errorf("health is limited: %d", got.code)
	}
}

func TestEachClassHasItsLimit(t *testing.T) {
	services, client := start(t, "RATE_LIMIT_PER_MINUTE=2", `RATE_LIMIT_PER_MINUTE_BY_CLASS={"operate":1}`)
	services.answers(&schedulerv1.Job{}, nil)
	run := func() int { return client.do("POST", "/api/v1/jobs/plan:run", "").code }
	if first, second := run(), run(); first != 200 || second != 429 {
		t.Errorf("%d %d", first, second)
	}
}

func TestClientsBehindATrustedProxyAreApart(t *testing.T) {
	services, client := start(t, "RATE_LIMIT_PER_MINUTE=1", "TRUSTED_PROXIES=127.0.0.0/8")
	services.answers(&userv1.User{}, nil)
	get := func(from string) int { return client.do("GET", "/api/v1/users/1", "", "X-Forwarded-For: "+from).code }
	if a, again, b := get("192.0.2.1"), get("192.0.2.1"), get("192.0.2.2"); a != 200 || again != 429 || b != 200 {
		t.Errorf("%d %d %d", a, again, b)
	}
}

func TestOthersCannotChooseWhoTheyAre(t *testing.T) {
	services, client := start(t, "RATE_LIMIT_PER_MINUTE=1")
	services.answers(&userv1.User{}, nil)
	get := func(from string) int { return client.do("GET", "/api/v1/users/1", "", "X-Forwarded-For: "+from).code }
	if a, b := get("192.0.2.1"), get("192.0.2.2"); a != 200 || b != 429 {
		t.Errorf("%d %d", a, b)
	}
}

// served is a gateway that listens for itself.
func served(t *testing.T, changes ...string) (services *backends, address string) {
	t.Helper()
	services = startBackends(t)
	g := newGateway(t, services.target, changes...)
	public, ctx := listen(t), context.Background()
	ctx, stop := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- g.serve(ctx, public, listen(t)) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return services, public.Addr().String()
}

func TestAClientsConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	_, address := served(t, "MAX_CONNECTIONS_PER_CLIENT=2", "SHUTDOWN_GRACE_SECONDS=1", "READ_TIMEOUT_SECONDS=1")
	isOpen := func(conn net.Conn) bool {
		_, _ = conn.Write([]byte("GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"))
		_ = conn.SetReadDeadline(time.Now().Add(2 * time.Second))
		count, _ := conn.Read(make([]byte, 100))
		return count > 0
	}
	connect := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	first, second, third := connect(), connect(), connect()
	if !isOpen(first) || !isOpen(second) || isOpen(third) {
		t.Error("not the third connection is refused")
	}
	_ = first.Close()
	deadline := time.Now().Add(5 * time.Second)
	for fourth := connect(); !isOpen(fourth); fourth = connect() {
		if time.Now().After(deadline) {
			t.Fatal("a closed connection is still counted")
		}
	}
	_ = second.Close()
}

func TestASlowClientIsLeft(t *testing.T) {
	t.Parallel()
	_, address := served(t, "READ_TIMEOUT_SECONDS=1", "SHUTDOWN_GRACE_SECONDS=1")
	for name, sent := range map[string]string{
		"in its headers": "GET /api/v1/users HTTP/1.1\r\nHost: x\r\n",
		"in its body":    "POST /api/v1/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write([]byte(sent))
		started := time.Now()
		_ = conn.SetReadDeadline(started.Add(5 * time.Second))
		for buffer := make([]byte, 1000); err == nil; {
			_, err = conn.Read(buffer)
		}
		if took := time.Since(started); took > 3*time.Second {
			t.Errorf("%s: held for %s", name, took)
		}
		_ = conn.Close()
	}
}

func TestARunMayTakeLongerThanTheConnectionsTimeouts(t *testing.T) {
	t.Parallel()
	services, address := served(t, "READ_TIMEOUT_SECONDS=1", "REQUEST_TIMEOUT_SECONDS=1", "IDLE_TIMEOUT_SECONDS=1")
	services.answer = func(ctx context.Context, _ proto.Message) (proto.Message, error) {
		select {
		case <-time.After(2500 * time.Millisecond):
			return &schedulerv1.Job{}, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	response, err := http.Post("http://"+address+"/api/v1/jobs/plan:run", "application/json", nil)
	if err != nil || response.StatusCode != 200 {
		t.Errorf("%v %v", response, err)
	}
}

func TestAnAnswerMayComeLaterThanTheServersOwnTimeout(t *testing.T) {
	t.Parallel()
	services, address := served(t, "READ_TIMEOUT_SECONDS=1", "REQUEST_TIMEOUT_SECONDS=1")
	services.answer = func(context.Context, proto.Message) (proto.Message, error) {
		time.Sleep(8 * time.Second) // the server's write time-out is 1 + 1 + 5 seconds
		return &schedulerv1.Job{}, nil
	}
	response, err := http.Post("http://"+address+"/api/v1/jobs/plan:run", "application/json", nil)
	if err != nil || response.StatusCode != 200 {
		t.Errorf("%v %v", response, err)
	}
}

func TestStoppingFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	services := startBackends(t)
	g := newGateway(t, services.target, "SHUTDOWN_DELAY_SECONDS=0.3")
	arrived := make(chan struct{})
	services.answer = func(context.Context, proto.Message) (proto.Message, error) {
		close(arrived)
		time.Sleep(time.Second)
		return &userv1.User{}, nil
	}
	public := listen(t)
	ctx, stop := context.WithCancel(context.Background())
	done, answered := make(chan error, 1), make(chan int, 1)
	go func() { done <- g.serve(ctx, public, listen(t)) }()
	url := "http://" + public.Addr().String()
	go func() {
		response, err := http.Get(url + "/api/v1/users/1")
		if err != nil {
			answered <- 0
			return
		}
		answered <- response.StatusCode
	}()
	<-arrived
	stop()
	time.Sleep(100 * time.Millisecond)
	if response, err := http.Get(url + "/health/ready"); err != nil || response.StatusCode != 503 {
		t.Errorf("while it drains: %v %v", response, err)
	}
	if code := <-answered; code != 200 {
		t.Errorf("the call in flight got %d", code)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
