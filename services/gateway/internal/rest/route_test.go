package rest

import (
	"slices"
	"testing"

	userv1 "heyday/gateway/gen/heyday/user/v1"
)

func userRoutes(t *testing.T) Routes {
	t.Helper()
	routes, err := Of(userv1.File_heyday_user_v1_user_service_proto)
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

func TestFind(t *testing.T) {
	requests := []struct {
		method, path, template string
		allowed                []string
	}{
		{"GET", "/api/v1/users/7", "/api/v1/users/{id}", nil},
		{"HEAD", "/api/v1/users/7", "/api/v1/users/{id}", nil},
		{"POST", "/api/v1/users/7:restore", "/api/v1/users/{id}:restore", nil},
		{"GET", "/api/v1/users/7:restore", "", []string{"POST"}},
		{"GET", "/api/v1/users/7:other", "/api/v1/users/{id}", nil},
		{"PUT", "/api/v1/users", "", []string{"GET", "HEAD", "POST"}},
		{"GET", "/api/v1/users/", "", nil},
		{"GET", "/api/v1/users/7/8", "", nil},
		{"GET", "/api/v1", "", nil},
		{"GET", "", "", nil},
	}
	for _, request := range requests {
		route, allowed := userRoutes(t).Find(request.method, request.path)
		template := ""
		if route != nil {
			template = route.Template
		}
		if template != request.template || !slices.Equal(allowed, request.allowed) {
			t.Errorf("%s %s: %q %v", request.method, request.path, template, allowed)
		}
	}
}

func TestOnlyCallsWithAPathAreRoutes(t *testing.T) {
	for _, route := range userRoutes(t) {
		if service, method := route.Name(); service != "heyday.user.v1.UserService" || method == "ListSnapshots" {
			t.Errorf("%s/%s", service, method)
		}
	}
}

func TestSpell(t *testing.T) {
	route, _ := userRoutes(t).Find("PATCH", "/api/v1/users/7")
	for path, want := range map[string]string{
		"user.first_name": "firstName", "first_name": "firstName", "firstName": "firstName", "user": "user", "update_mask": "updateMask", "": "",
		"user.suppressed_occasions[0]": "suppressedOccasions[0]",
	} {
		if got := route.Spell(path); got != want {
			t.Errorf("%q became %q", path, got)
		}
	}
}

func TestSuggestion(t *testing.T) {
	names := []string{"firstName", "lastName", "email", "timezone"}
	for written, want := range map[string]string{
		"firstname": `; did you mean "firstName"?`, "lastNmae": `; did you mean "lastName"?`, "mail": `; did you mean "email"?`,
		"timeZone": `; did you mean "timezone"?`, "qqqq": ".", "": ".",
	} {
		if got := (suggestion{written, names}).String(); got != want {
			t.Errorf("%q: %s", written, got)
		}
	}
}

func FuzzCheckBody(f *testing.F) {
	routes, err := Of(userv1.File_heyday_user_v1_user_service_proto)
	if err != nil {
		f.Fatal(err)
	}
	route, _ := routes.Find("POST", "/api/v1/users")
	for _, seed := range []string{`{}`, `{"firstName":"Kari"}`, `{"version":1e9}`, `[[[[`, `{"createTime":"x"}`, "\x00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if mistake := route.CheckBody(body); mistake != nil && mistake.Message() == "" {
			t.Error("refused without a word")
		}
	})
}
