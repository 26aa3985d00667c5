package gateway

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	userv1 "heyday/gateway/gen/heyday/user/v1"
)

func TestAUserHasAnETag(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.User{Version: 7}, nil)
	if tag := client.do("GET", "/api/v1/users/1", "").header.Get("ETag"); tag != `"7"` {
		t.Errorf("the ETag is %s", tag)
	}
}

func TestAnUnchangedUserIsNotSentAgain(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.User{Version: 7}, nil)
	for held, want := range map[string]int{`"7"`: 304, `W/"7"`: 304, `"6", "7"`: 304, "*": 304, `"6"`: 200, `"77"`: 200} {
		got := client.do("GET", "/api/v1/users/1", "", "If-None-Match: "+held)
		if got.code != want || (want == 304) != (got.body == "") || got.header.Get("ETag") != `"7"` {
			t.Errorf("%s: %d with %d bytes", held, got.code, len(got.body))
		}
	}
}

func TestIfMatchIsTheVersionOfAChange(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.User{}, nil)
	changes := map[string]struct{ method, path, body string }{
		"update":  {"PATCH", "/api/v1/users/1", `{"locale":"nb"}`},
		"replace": {"PUT", "/api/v1/users/1", `{"locale":"nb"}`},
		"delete":  {"DELETE", "/api/v1/users/1", ""},
		"restore": {"POST", "/api/v1/users/1:restore", ""},
	}
	for name, change := range changes {
		if got := client.do(change.method, change.path, change.body, `If-Match: "7"`); got.code != 200 || *versionOf(services.request) != 7 {
			t.Errorf("%s: %d %v", name, got.code, services.request)
		}
		if client.do(change.method, change.path, change.body, "If-Match: *"); *versionOf(services.request) != 0 {
			t.Errorf("%s: * is a version", name)
		}
		services.answers(nil, status.Error(codes.Aborted, "The user has changed."))
		if got := client.do(change.method, change.path, change.body, `If-Match: "7"`); got.code != 412 || got.problem(t).Code != int(codes.Aborted) {
			t.Errorf("%s: stale is %d", name, got.code)
		}
		if got := client.do(change.method, change.path, change.body); got.code != 409 {
			t.Errorf("%s: stale without If-Match is %d", name, got.code)
		}
		services.answers(&userv1.User{}, nil)
	}
}

func TestAnIfMatchThatIsNone(t *testing.T) {
	_, client := start(t)
	for _, header := range []string{"seven", `"0"`, `"1", "2"`} {
		if got := client.do("DELETE", "/api/v1/users/1", "", "If-Match: "+header); got.code != 400 {
			t.Errorf("%s: %d", header, got.code)
		}
	}
	if got := client.do("DELETE", "/api/v1/users/1?version=6", "", `If-Match: "7"`); got.code != 400 {
		t.Errorf("two versions: %d", got.code)
	}
}
