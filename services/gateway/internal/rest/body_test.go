package rest

import (
	"slices"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	schedulerv1 "heyday/gateway/gen/heyday/scheduler/v1"
)

// A job has what no request of today has: an object within, a map, times, a boolean and a broken number.
func TestBodiesOfEveryShape(t *testing.T) {
	route := &Route{body: "*", input: (&schedulerv1.Job{}).ProtoReflect().Descriptor()}
	bodies := map[string]string{
		`{"enabled":true,"lastRun":{"startTime":"2026-12-30T09:00:00.5+01:00","durationSeconds":1.5,"counts":{"planned":3}}}`: "",
		`{"enabled":null,"last_run":{"duration_seconds":"0.5","counts":null}}`:                                                "",
		`{"enabled":"yes"}`:                          `"enabled" must be true or false, not a string.`,
		`{"enabled":1}`:                              `"enabled" must be true or false, not a number.`,
		`{"nextRunTime":"tomorrow"}`:                 `"nextRunTime" must be a time such as "2026-12-30T09:00:00Z".`,
		`{"nextRunTime":5}`:                          `"nextRunTime" must be a string, not a number.`,
		`{"lastRun":"today"}`:                        `"lastRun" must be an object, not a string.`,
		`{"lastRun":{"durationSeconds":"long"}}`:     `"lastRun.durationSeconds" must be a number.`,
		`{"lastRun":{"durationSeconds":[]}}`:         `"lastRun.durationSeconds" must be a number, not a list.`,
		`{"lastRun":{"counts":{"planned":"many"}}}`:  `"lastRun.counts.planned" is not a number; it must be a whole number from -2147483648 to 2147483647.`,
		`{"lastRun":{"counts":[1]}}`:                 `"lastRun.counts" must be an object, not a list.`,
		`{"lastRun":{"counts":{"planned":null}}}`:    `"lastRun.counts.planned" must be a whole number from -2147483648 to 2147483647, not null.`,
		`{"lastRun":{"manual":false,"startTim":""}}`: `"lastRun.startTim" is not a field; did you mean "startTime"?`,
	}
	for body, want := range bodies {
		if got := route.CheckBody([]byte(body)).Message(); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}

func TestAllMistakesOfFormAreToldTogether(t *testing.T) {
	route, _ := userRoutes(t).Find("PATCH", "/api/v1/users/7")
	_, inQuery := route.CheckQuery("updateMask=firstNme")
	inBody := route.CheckBody([]byte(`{"firstNme":"Ada","lastName":7,"leapDayRule":"FEB_29","version":1e9999,"suppressedOccasions":["birthday",1]}`))
	violations := Together(inQuery, inBody).Details()[0].(*errdetails.BadRequest).GetFieldViolations()
	var fields []string
	for _, violation := range violations {
		fields = append(fields, violation.GetField())
	}
	want := []string{"updateMask", "firstNme", "lastName", "leapDayRule", "suppressedOccasions[1]", "version"}
	if !slices.Equal(fields, want) {
		t.Errorf("%q", fields)
	}
	if Together(nil, nil) != nil {
		t.Error("a mistake where there is none")
	}
}

func TestABodyThatMayBeLeftOut(t *testing.T) {
	if mistake := (&Route{body: "*", input: (&schedulerv1.RunJobRequest{}).ProtoReflect().Descriptor()}).CheckBody(nil); mistake != nil {
		t.Error(mistake)
	}
	if mistake := (&Route{}).CheckBody([]byte("not JSON, not looked at")); mistake != nil {
		t.Error(mistake)
	}
}
