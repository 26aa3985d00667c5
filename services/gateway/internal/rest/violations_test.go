package rest

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

func TestVeryManyMistakesAreCounted(t *testing.T) {
	route, _ := userRoutes(t).Find("POST", "/api/v1/users")
	fields := make([]string, 70_000)
	for i := range fields {
		fields[i] = fmt.Sprintf(`"x%05d":1`, i)
	}
	refused := route.CheckBody([]byte("{" + strings.Join(fields, ",") + "}"))
	violations := refused.Details()[0].(*errdetails.BadRequest).GetFieldViolations()
	if last := violations[len(violations)-1]; len(violations) != mostViolations+1 || last.GetDescription() != "And 69900 more." || last.GetField() != "*" {
		t.Errorf("%d: %s", len(violations), last)
	}
	if !strings.HasSuffix(refused.Message(), " And 69900 more.") {
		t.Errorf("%d bytes", len(refused.Message()))
	}
}

func TestALongNameIsCut(t *testing.T) {
	route, _ := userRoutes(t).Find("PATCH", "/api/v1/users/7")
	name := strings.Repeat("é", 5000)
	want := `"` + strings.Repeat("é", mostShown) + `…" is not a field.`
	if got := route.CheckBody([]byte(`{"` + name + `":1}`)).Message(); got != want {
		t.Errorf("%d bytes", len(got))
	}
	for _, query := range []string{name + "=1", "updateMask=" + name} {
		if _, mistake := route.CheckQuery(query); len(mistake.Message()) > 300 {
			t.Errorf("%d bytes", len(mistake.Message()))
		}
	}
}
