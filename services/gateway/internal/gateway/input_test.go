package gateway

import (
	"slices"
	"strings"
	"testing"
)

func TestBadBodies(t *testing.T) {
	users := "/api/v1/users"
	bodies := map[string]struct {
		body, message string
		fields        []string
	}{
		"broken JSON":          {`{"firstName":"Kari",}`, "The body is not valid JSON: it breaks at line 1, column 21.", []string{"body"}},
		"cut off":              {`{"firstName":`, "The body is not valid JSON: it ends too early.", []string{"body"}},
		"empty":                {` `, "The body is empty; it must be a JSON object.", []string{"body"}},
		"a list":               {`[1]`, "The body must be a JSON object, not a list.", []string{"body"}},
		"two objects":          {`{} {}`, "The body goes on after its JSON object.", []string{"body"}},
		"no UTF-8":             {"{\"firstName\":\"\xff\"}", "The body is not valid UTF-8.", []string{"body"}},
		"a field twice":        {`{"email":"a","email":"b"}`, `The body names a field twice: line 1, column 14.`, []string{"body"}},
		"a lone surrogate":     {`{"firstName":"Kari\ud800la","lastName":"Nordmann"}`, `The body holds an escape sequence that is no character: line 1, column 14.`, []string{"body"}},
		"one at the end":       {`{"firstName":"\ud800"}`, `The body holds an escape sequence that is no character.`, []string{"body"}},
		"an unknown field":     {`{"firstNme":"Kari"}`, `"firstNme" is not a field; did you mean "firstName"?`, []string{"firstNme"}},
		"nothing like a field": {`{"xyzzy":1}`, `"xyzzy" is not a field.`, []string{"xyzzy"}},
		"a number for text":    {`{"lastName":5}`, `"lastName" must be a string, not a number.`, []string{"lastName"}},
		"an object for text":   {`{"email":{}}`, `"email" must be a string, not an object.`, []string{"email"}},
		"text for a list":      {`{"suppressedOccasions":"birthday"}`, `"suppressedOccasions" must be a list, not a string.`, []string{"suppressedOccasions"}},
		"a number in a list":   {`{"suppressedOccasions":["birthday",2]}`, `"suppressedOccasions[1]" must be a string, not a number.`, []string{"suppressedOccasions[1]"}},
		"text for a number":    {`{"version":"new"}`, `"version" is not a number; it must be a whole number from -2147483648 to 2147483647.`, []string{"version"}},
		"a broken number":      {`{"version":1.5}`, `"version" must be a whole number from -2147483648 to 2147483647.`, []string{"version"}},
		"a boolean for text":   {`{"locale":true}`, `"locale" must be a string, not a boolean.`, []string{"locale"}},
		"a null byte":          {`{"firstName":"K\u0000ri"}`, `"firstName" holds a null byte.`, []string{"firstName"}},
		"an unknown rule": {`{"leapDayRule":"FEB_29"}`, `"leapDayRule" must be one of FEB_28, MAR_1, LEAP_YEARS_ONLY; did you mean "FEB_28"?`,
			[]string{"leapDayRule"}},
		"a rule by an unknown number": {`{"leapDayRule":9}`, `"leapDayRule" must be one of FEB_28, MAR_1, LEAP_YEARS_ONLY.`, []string{"leapDayRule"}},
		"two mistakes": {`{"firstName":1,"lastNam":"x"}`, `"firstName" must be a string, not a number. "lastNam" is not a field; did you mean "lastName"?`,
			[]string{"firstName", "lastNam"}},
	}
	services, client := start(t)
	for name, bad := range bodies {
		t.Run(name, func(t *testing.T) {
			got := client.do("POST", users, bad.body)
			problem := got.problem(t)
			if got.code != 400 || problem.Code != 3 || problem.Message != bad.message || !slices.Equal(problem.fields(), bad.fields) {
				t.Errorf("%d %v: %s", got.code, problem.fields(), problem.Message)
			}
		})
	}
	if services.calls != 0 {
		t.Errorf("%d bad requests reached a service", services.calls)
	}
}

func TestBadQueries(t *testing.T) {
	queries := map[string]struct{ path, message, field string }{
		"an unknown parameter":  {"/api/v1/users?emial=a", `"emial" is not a parameter of this call; did you mean "email"?`, "emial"},
		"a parameter of a body": {"/api/v1/jobs?id=plan", `"id" is not a parameter of this call.`, "id"},
		"no number":             {"/api/v1/users?pageSize=many", `"pageSize" is not a number; it must be a whole number from -2147483648 to 2147483647.`, "pageSize"},
		"no boolean":            {"/api/v1/users?showDeleted=maybe", `"showDeleted" must be true or false.`, "showDeleted"},
		"given twice":           {"/api/v1/users?email=a&email=b", `"email" is given more than once.`, "email"},
		"a null byte":           {"/api/v1/users?email=a%00", `"email" holds a null byte.`, "email"},
		"not escaped":           {"/api/v1/users?email=%zz", "The query is not well-formed: a percent sign or a semicolon is not escaped.", "query"},
		"an unknown state": {"/api/v1/deliveries?state=SEND",
			`"state" must be one of CLAIMED, RELEASED, SENT, RETRY, FAILED, CANCELLED, EXPIRED, UNCERTAIN; did you mean "SENT"?`, "state"},
		"a null byte in the path": {"/api/v1/users/a%00b", "The path holds a null byte or is not valid UTF-8.", "path"},
		"no UTF-8 in the path":    {"/api/v1/users/%ff", "The path holds a null byte or is not valid UTF-8.", "path"},
		"no UTF-8 in a parameter": {"/api/v1/users?email=%ff", `"email" is not valid UTF-8.`, "email"},
	}
	services, client := start(t)
	for name, bad := range queries {
		t.Run(name, func(t *testing.T) {
			got := client.do("GET", bad.path, "")
			problem := got.problem(t)
			if got.code != 400 || problem.Message != bad.message || !slices.Equal(problem.fields(), []string{bad.field}) {
				t.Errorf("%d %v: %s", got.code, problem.fields(), problem.Message)
			}
		})
	}
	if services.calls != 0 {
		t.Errorf("%d bad requests reached a service", services.calls)
	}
}

func TestAMaskNamesFields(t *testing.T) {
	_, client := start(t)
	problem := client.do("PATCH", "/api/v1/users/7?updateMask=lastNme", `{}`).problem(t)
	if problem.Message != `"updateMask" names "lastNme", which is not a field; did you mean "lastName"?` {
		t.Error(problem.Message)
	}
}

func TestAPatchOfNothing(t *testing.T) {
	services, client := start(t)
	for _, body := range []string{`{}`, " { }\n"} {
		if problem := client.do("PATCH", "/api/v1/users/7", body).problem(t); problem.Message != "The body changes nothing: name at least one field." {
			t.Error(problem.Message)
		}
	}
	if client.do("PATCH", "/api/v1/users/7?updateMask=locale", `{}`); services.calls != 1 {
		t.Error("a mask names a field, too")
	}
}

func TestBodiesOfOtherKindsAndSizes(t *testing.T) {
	_, client := start(t)
	large := `{"firstName":"` + strings.Repeat("x", 1<<20) + `"}`
	refused := map[string]struct {
		code   int
		answer answer
	}{
		"too large":        {413, client.do("POST", "/api/v1/users", large)},
		"a form":           {415, client.do("POST", "/api/v1/users", "a=b", "Content-Type: application/x-www-form-urlencoded")},
		"another charset":  {415, client.do("POST", "/api/v1/users", "{}", "Content-Type: application/json; charset=latin1")},
		"compressed":       {415, client.do("POST", "/api/v1/users", "{}", "Content-Encoding: gzip")},
		"headers":          {431, client.do("GET", "/api/v1/users", "", "X-Much: "+strings.Repeat("x", 17000))},
		"idempotency key":  {400, client.do("POST", "/api/v1/users", "{}", "Idempotency-Key: "+strings.Repeat("x", 129))},
		"not a known path": {404, client.do("GET", "/api/v1/user", "")},
		"an empty id":      {404, client.do("GET", "/api/v1/users/", "")},
	}
	for name, given := range refused {
		if given.answer.code != given.code || given.answer.problem(t).Message == "" {
			t.Errorf("%s: %d %s", name, given.answer.code, given.answer.body)
		}
	}
}

func TestAWrongMethodIsToldTheRightOnes(t *testing.T) {
	_, client := start(t)
	for path, allowed := range map[string]string{
		"/api/v1/users/7":         "DELETE, GET, HEAD, PATCH, PUT",
		"/api/v1/users/7:restore": "",
		"/api/v1/messages":        "GET, HEAD",
	} {
		got := client.do("POST", path, "")
		if allowed == "" { // the one of these that takes POST
			continue
		}
		if got.code != 405 || got.header.Get("Allow") != allowed || got.problem(t).Code != 12 {
			t.Errorf("%s: %d %q", path, got.code, got.header.Get("Allow"))
		}
	}
	if got := client.do("GET", "/api/v1/users/7:restore", ""); got.code != 405 || got.header.Get("Allow") != "POST" {
		t.Errorf("an id with a verb is read as an id: %d", got.code)
	}
}
