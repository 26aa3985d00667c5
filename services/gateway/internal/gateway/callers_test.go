package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	schedulerv1 "heyday/gateway/gen/heyday/scheduler/v1"
	userv1 "heyday/gateway/gen/heyday/user/v1"
)

// withKeys is the setting of a file with a key for each role, called like it, and one for all of them.
func withKeys(t *testing.T) string {
	t.Helper()
	var lines strings.Builder
	for name, roles := range map[string]string{"read": "read", "write": "write", "operate": "operate", "all": "read,write,operate"} {
		digest := sha256.Sum256([]byte(name + "-key"))
		lines.WriteString(name + " " + hex.EncodeToString(digest[:]) + " " + roles + "\n")
	}
	path := filepath.Join(t.TempDir(), "api-keys")
	if err := os.WriteFile(path, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return "IDENTITY_API_KEYS_FILE=" + path
}

func (a answer) reason(t *testing.T) string {
	t.Helper()
	for _, detail := range a.problem(t).Details {
		if detail.Reason != "" {
			return detail.Reason
		}
	}
	return ""
}

func TestNobodyCallsUnknown(t *testing.T) {
	services, client := start(t, withKeys(t))
	services.answers(&userv1.User{}, nil)
	for _, call := range []struct{ method, path, header, reason string }{
		{"GET", "/api/v1/users/1", "X-None: 1", "CREDENTIALS_MISSING"},
		{"HEAD", "/api/v1/users/1", "X-None: 1", ""},
		{"POST", "/api/v1/jobs/plan:run", "X-Api-Key: made up", "API_KEY_UNKNOWN"},
		{"DELETE", "/api/v1/users/1", "Authorization: Basic a2FyaTprYXJp", "CREDENTIALS_NOT_TAKEN"},
		{"GET", "/no/such/path", "X-None: 1", "CREDENTIALS_MISSING"},
		{"PUT", "/api/v1/jobs", "X-None: 1", "CREDENTIALS_MISSING"},
		{"GET", "/docs/../api/v1/users", "X-None: 1", "CREDENTIALS_MISSING"},
	} {
		got := client.do(call.method, call.path, "", call.header)
		if got.code != 401 || got.header.Get("WWW-Authenticate") != `ApiKey realm="heyday", header="X-Api-Key"` {
			t.Errorf("%s %s: %d %v", call.method, call.path, got.code, got.header)
		}
		if call.reason != "" && (got.reason(t) != call.reason || got.problem(t).Code != 16) {
			t.Errorf("%s %s: %s", call.method, call.path, got.body)
		}
	}
	if services.calls != 0 {
		t.Errorf("%d calls came through", services.calls)
	}
}

func TestHealthAndTheDescriptionAreForEverybody(t *testing.T) {
	_, client := start(t, withKeys(t), "CORS_ALLOWED_ORIGINS=https://hr.example.com")
	for _, path := range []string{"/health/live", "/openapi.json", "/docs", "/docs/", "/docs/swagger-ui.css"} {
		if got := client.do("GET", path, ""); got.code != 200 {
			t.Errorf("%s: %d", path, got.code)
		}
	}
	if got := client.do("GET", "/health", ""); got.code != 503 { // asked nobody yet; but no 401
		t.Errorf("%d", got.code)
	}
	preflight := client.do("OPTIONS", "/api/v1/users/1", "", "Origin: https://hr.example.com", "Access-Control-Request-Method: PATCH",
		"Access-Control-Request-Headers: authorization,x-api-key")
	if preflight.code != 204 || !strings.Contains(preflight.header.Get("Access-Control-Allow-Headers"), "x-api-key") {
		t.Errorf("%d %v", preflight.code, preflight.header)
	}
	refused := client.do("GET", "/api/v1/users/1", "", "Origin: https://hr.example.com")
	if refused.code != 401 || refused.header.Get("Access-Control-Allow-Origin") != "https://hr.example.com" {
		t.Errorf("a page cannot read why: %d %v", refused.code, refused.header)
	}
}

func TestEachClassOfCallsTakesItsRole(t *testing.T) {
	services, client := start(t, withKeys(t))
	calls := map[string][2]string{"read": {"GET", "/api/v1/users/1"}, "write": {"DELETE", "/api/v1/users/1"}, "operate": {"POST", "/api/v1/jobs/plan:run"}}
	for role, call := range calls {
		if role == "operate" {
			services.answers(&schedulerv1.Job{}, nil)
		} else {
			services.answers(&userv1.User{}, nil)
		}
		for _, holder := range []string{"read", "write", "operate", "all"} {
			before := services.calls
			got := client.do(call[0], call[1], "", "X-Api-Key: "+holder+"-key")
			if holder == role || holder == "all" {
				if got.code != 200 {
					t.Errorf("%s with %s: %d", role, holder, got.code)
				}
				continue
			}
			if got.code != 403 || got.reason(t) != "ROLE_MISSING" || !strings.Contains(got.body, `"role":"`+role+`"`) || services.calls != before {
				t.Errorf("%s with %s: %d %s", role, holder, got.code, got.body)
			}
		}
	}
	if got := client.do("GET", "/no/such/path", "", "X-Api-Key: operate-key"); got.code != 404 {
		t.Errorf("what is no call takes a role: %d", got.code)
	}
}

func TestTheServicesAreToldWhoCallsAndNoSecret(t *testing.T) {
	services, client := start(t, withKeys(t))
	services.answers(&userv1.User{}, nil)
	client.do("GET", "/api/v1/users/1", "", "X-Api-Key: all-key", "X-Identity: api-key:boss", "X-Roles: operate",
		"Grpc-Metadata-X-Identity: api-key:boss", "Grpc-Metadata-X-Roles: operate")
	if who, roles := services.metadata.Get("x-identity"), services.metadata.Get("x-roles"); !slices.Equal(who, []string{"api-key:all"}) ||
		!slices.Equal(roles, []string{"read,write,operate"}) {
		t.Errorf("%v %v", who, roles)
	}
	for name, values := range services.metadata {
		if strings.Contains(strings.Join(values, " "), "all-key") {
			t.Errorf("%s tells the key", name)
		}
	}
}

func TestWhereIdentityIsOffNobodyCanNameOne(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.User{}, nil)
	got := client.do("GET", "/api/v1/users/1", "", "X-Identity: api-key:boss", "Grpc-Metadata-X-Identity: api-key:boss", "X-Roles: operate", "Authorization: Bearer a.b.c")
	if got.code != 200 {
		t.Fatal(got.body)
	}
	for _, name := range []string{"x-identity", "x-roles", "authorization", "grpcgateway-authorization"} {
		if told := services.metadata.Get(name); len(told) > 0 {
			t.Errorf("%s: %v", name, told)
		}
	}
}

func TestCallersAreLimitedApart(t *testing.T) {
	services, client := start(t, withKeys(t), "RATE_LIMIT_PER_MINUTE=1")
	services.answers(&userv1.User{}, nil)
	get := func(key string) int { return client.do("GET", "/api/v1/users/1", "", "X-Api-Key: "+key).code }
	if a, again, b := get("all-key"), get("all-key"), get("read-key"); a != 200 || again != 429 || b != 200 {
		t.Errorf("%d %d %d", a, again, b)
	}
}

func TestWhoIsUnknownIsLimitedByAddress(t *testing.T) {
	services, client := start(t, withKeys(t), "RATE_LIMIT_PER_MINUTE=2", "TRUSTED_PROXIES=127.0.0.0/8")
	services.answers(&userv1.User{}, nil)
	get := func(key, from string) int {
		return client.do("GET", "/api/v1/users/1", "", "X-Api-Key: "+key, "X-Forwarded-For: "+from).code
	}
	if got := get("all-key", "192.0.2.1"); got != 200 {
		t.Fatal(got)
	}
	if a, b, c := get("a", "192.0.2.1"), get("b", "192.0.2.1"), get("c", "192.0.2.1"); a != 401 || b != 401 || c != 429 {
		t.Errorf("%d %d %d", a, b, c)
	}
	if got := get("all-key", "192.0.2.1"); got != 429 {
		t.Errorf("a key is looked at for an address that guessed too often: %d", got)
	}
	if got := get("all-key", "192.0.2.2"); got != 200 {
		t.Errorf("another address pays: %d", got)
	}
}

func TestRefusalsAreCountedByReason(t *testing.T) {
	services := startBackends(t)
	g := newGateway(t, services.target, withKeys(t))
	ask := func(method, path, key string) {
		request := httptest.NewRequest(method, path, nil)
		if key != "" {
			request.Header.Set("X-Api-Key", key)
		}
		g.public.ServeHTTP(httptest.NewRecorder(), request)
	}
	ask("GET", "/api/v1/users/1", "")
	ask("GET", "/api/v1/users/1", "hunter2")
	ask("DELETE", "/api/v1/users/1", "read-key")
	recorder := httptest.NewRecorder()
	g.internal.ServeHTTP(recorder, httptest.NewRequest("GET", "/metrics", nil))
	for _, reason := range []string{"CREDENTIALS_MISSING", "API_KEY_UNKNOWN", "ROLE_MISSING"} {
		if line := `gateway_callers_refused_total{reason="` + reason + `"} 1`; !strings.Contains(recorder.Body.String(), line) {
			t.Errorf("no %s", line)
		}
	}
}

func TestWhileTheIssuersKeysAreUnknownTokensAreToBeSentAgain(t *testing.T) {
	services, client := start(t, "IDENTITY_JWKS_URL=http://127.0.0.1:1/jwks", "IDENTITY_ISSUER=i", "IDENTITY_AUDIENCE=a")
	const token = "eyJhbGciOiJFZERTQSIsImtpZCI6Im9uZSJ9.e30.AAAA" // {"alg":"EdDSA","kid":"one"}, and no claims
	got := client.do("GET", "/api/v1/users/1", "", "Authorization: Bearer "+token)
	if got.code != 503 || got.reason(t) != "TOKEN_KEYS_UNAVAILABLE" || got.header.Get("Retry-After") == "" || services.calls != 0 {
		t.Errorf("%d %s", got.code, got.body)
	}
	if got := client.do("GET", "/api/v1/users/1", ""); got.code != 401 || got.header.Get("WWW-Authenticate") != `Bearer realm="heyday"` {
		t.Errorf("%d %v", got.code, got.header)
	}
}
