package gateway

import "testing"

func TestAnUncleanPathIsNone(t *testing.T) {
	_, client := start(t)
	for _, path := range []string{
		"//", "//x", "//api/v1/users", "/api//v1/users", "/api/v1/../v1/users", "/api/v1/users/..", "/api/v1/users/%2e%2e", "/api/v1/users/.",
		"/../", "/health/", "//health", "/docs//", "/docs/../docs/", "/docs/nothing", "/docs/nothing/",
	} {
		if got := client.do("GET", path, ""); got.code != 404 || got.problem(t).Code != 5 {
			t.Errorf("%s: %d %v %s", path, got.code, got.header, got.body)
		}
	}
}

func TestWhatIsOnlyReadTakesNothing(t *testing.T) {
	_, client := start(t)
	for _, path := range []string{"/health", "/health/live", "/openapi.json", "/docs", "/docs/"} {
		if got := client.do("POST", path, ""); got.code != 405 || got.header.Get("Allow") != "GET, HEAD" || got.problem(t).Code != 12 {
			t.Errorf("%s: %d %v", path, got.code, got.header)
		}
		if got := client.do("HEAD", path, ""); got.code == 405 {
			t.Errorf("%s takes no HEAD", path)
		}
	}
}
