package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"

	userv1 "heyday/gateway/gen/heyday/user/v1"
)

func TestSecurityHeadersAreOnEveryAnswer(t *testing.T) {
	_, client := start(t)
	for _, path := range []string{"/api/v1/users/1", "/nothing", "/health/live", "/openapi.json", "/docs/"} {
		header := client.do("GET", path, "").header
		for _, name := range []string{"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Content-Security-Policy", "X-Request-Id"} {
			if header.Get(name) == "" {
				t.Errorf("%s has no %s", path, name)
			}
		}
		if header.Get("Server") != "" || header.Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: %v", path, header)
		}
	}
}

func TestBrowsersAreHeldToHTTPSWhereTheWorldCalls(t *testing.T) {
	identity := append(newAuthority(t).settings("gateway"), withKeys(t))
	for _, environment := range environments {
		_, client := start(t, append(identity, "ENVIRONMENT="+environment)...)
		want := ""
		if environment == "staging" || environment == "production" {
			want = "max-age=31536000; includeSubDomains"
		}
		// Errors too: nobody has shown who they are.
		for _, path := range []string{"/api/v1/users/1", "/nothing", "/health/live", "/openapi.json"} {
			if got := client.do("GET", path, "").header.Get("Strict-Transport-Security"); got != want {
				t.Errorf("%s, %s: %q", environment, path, got)
			}
		}
	}
}

func TestOnlyNamedOriginsMayCall(t *testing.T) {
	_, client := start(t, "CORS_ALLOWED_ORIGINS=https://hr.example.com")
	ask := func(origin string) answer {
		return client.do("OPTIONS", "/api/v1/users/1", "", "Origin: "+origin, "Access-Control-Request-Method: PATCH", "Access-Control-Request-Headers: content-type,if-match")
	}
	if got := ask("https://hr.example.com").header; got.Get("Access-Control-Allow-Origin") != "https://hr.example.com" {
		t.Errorf("%v", got)
	}
	if got := ask("https://evil.example.com").header; got.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", got)
	}
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.ListUsersResponse{Users: make([]*userv1.User, 50)}, nil)
	got := client.do("GET", "/api/v1/users", "", "Accept-Encoding: gzip")
	if got.header.Get("Content-Encoding") != "gzip" || !strings.Contains(got.header.Get("Vary"), "Accept-Encoding") {
		t.Fatalf("%v", got.header)
	}
	reader, err := gzip.NewReader(strings.NewReader(got.body))
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(reader); err != nil || !json.Valid(text) {
		t.Errorf("%v: %s", err, text)
	}
}

func TestHeadIsGetWithoutABody(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.User{Version: 3}, nil)
	if got := client.do("HEAD", "/api/v1/users/1", ""); got.code != 200 || got.body != "" || got.header.Get("ETag") != `"3"` {
		t.Errorf("%d %v", got.code, got.header)
	}
}

func TestHealth(t *testing.T) {
	services := startBackends(t)
	g := newGateway(t, services.target)
	get := func(path string) int {
		recorder := httptest.NewRecorder()
		g.public.ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		return recorder.Code
	}
	if live, ready := get("/health/live"), get("/health/ready"); live != 200 || ready != 503 {
		t.Errorf("before it has asked: %d %d", live, ready)
	}
	g.health.probe(t.Context())
	if ready, health := get("/health/ready"), get("/health"); ready != 200 || health != 200 {
		t.Errorf("with its services: %d %d", ready, health)
	}
	services.health.SetServingStatus(readiness, grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	g.health.probe(t.Context())
	if live, ready := get("/health/live"), get("/health/ready"); live != 200 || ready != 503 {
		t.Errorf("without its services: %d %d", live, ready)
	}
}

func TestTheDispatcherAloneMakesNoGatewayReady(t *testing.T) {
	services := startBackends(t)
	const nowhere = "dns:///127.0.0.1:1"
	g := newGateway(t, nowhere, "DISPATCHER_SERVICE_TARGET="+services.target)
	g.health.probe(t.Context())
	if g.health.isReady() {
		t.Error("ready with nobody to pass calls to")
	}
	g = newGateway(t, services.target, "DISPATCHER_SERVICE_TARGET="+nowhere)
	g.health.probe(t.Context())
	if !g.health.isReady() {
		t.Error("not ready for want of what it passes no calls to")
	}
}

func TestServicesAreCountedAsUpOrNot(t *testing.T) {
	services := startBackends(t)
	g := newGateway(t, services.target, "NOTIFIER_SERVICE_TARGET=dns:///127.0.0.1:1")
	g.health.probe(t.Context())
	recorder := httptest.NewRecorder()
	g.internal.ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{`gateway_backend_up{backend="user-service"} 1`, `gateway_backend_up{backend="notifier-service"} 0`, `gateway_build_info{version="v1.2.3"} 1`} {
		if !strings.Contains(recorder.Body.String(), line) {
			t.Errorf("no %s", line)
		}
	}
}

func TestRequestsAreLoggedAndCountedWithoutPersonalData(t *testing.T) {
	services := startBackends(t)
	services.answers(&userv1.User{FirstName: "Kari", Email: "kari@example.com"}, nil)
	var lines bytes.Buffer
	settings := settingsFor(t, services.target)
	g, err := New(settings, "v1", NewLogger(&lines, settings))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	request := httptest.NewRequest("POST", "/api/v1/users?requestId=kari-4711", strings.NewReader(`{"firstName":"Kari","email":"kari@example.com","birthday":"1990-12-30"}`))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	g.public.ServeHTTP(httptest.NewRecorder(), request)
	g.public.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/api/v1/users?email=kari@example.com", nil))
	g.public.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/kari@example.com", nil))
	if strings.Contains(strings.ToLower(lines.String()), "kari") || strings.Contains(lines.String(), "1990") {
		t.Error(lines.String())
	}
	var first map[string]any
	line, _, _ := strings.Cut(lines.String(), "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]any{
		"event": "request.served", "level": "info", "service": "gateway", "route": "/api/v1/users", "method": "POST", "status": 200.0,
		"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
	} {
		if first[key] != value {
			t.Errorf("%s is %v in %s", key, first[key], line)
		}
	}
	recorder := httptest.NewRecorder()
	g.internal.ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	counted := `gateway_http_request_duration_seconds_count{method="POST",route="/api/v1/users",status="200"} 1`
	if metrics := recorder.Body.String(); !strings.Contains(metrics, counted) || strings.Contains(metrics, "kari") {
		t.Error("the request is not counted, or tells who")
	}
}

func TestAPanicIsOurFault(t *testing.T) {
	recorder := httptest.NewRecorder()
	broken := observed(nil, newMetrics("v1"), slog.New(slog.DiscardHandler))
	broken.ServeHTTP(recorder, httptest.NewRequest("GET", "/", nil))
	if recorder.Code != 500 || !strings.Contains(recorder.Body.String(), "our side") {
		t.Errorf("%d %s", recorder.Code, recorder.Body)
	}
}

func TestThePageIsServedFromHere(t *testing.T) {
	_, client := start(t)
	page := client.do("GET", "/docs", "").body
	if got := client.do("GET", "/docs/", ""); got.code != 200 || got.body != page {
		t.Errorf("%d %s", got.code, got.body)
	}
	if strings.Contains(page, "://") {
		t.Error("the page loads something from elsewhere")
	}
	for _, file := range []string{"swagger-ui.css", "swagger-ui-bundle.js", "initializer.js", "favicon-32x32.png"} {
		if got := client.do("GET", "/docs/"+file, ""); got.code != 200 || !strings.Contains(page, file) {
			t.Errorf("%s: %d", file, got.code)
		}
	}
}

func TestThePageIsOffInProduction(t *testing.T) {
	_, client := start(t, append(newAuthority(t).settings("gateway"), "ENVIRONMENT=production", withKeys(t))...)
	for _, path := range []string{"/docs", "/docs/"} {
		if got := client.do("GET", path, "", "X-Api-Key: read-key"); got.code != 404 {
			t.Errorf("%s: %d", path, got.code)
		}
	}
	if got := client.do("GET", "/openapi.json", ""); got.code != 200 {
		t.Errorf("%d", got.code)
	}
}
