package gateway

import (
	"encoding/json"
	"testing"

	"google.golang.org/protobuf/proto"

	notifierv1 "heyday/gateway/gen/heyday/notifier/v1"
	schedulerv1 "heyday/gateway/gen/heyday/scheduler/v1"
	userv1 "heyday/gateway/gen/heyday/user/v1"
)

func TestEveryPublicCallReachesItsRPC(t *testing.T) {
	users, scheduler, notifier := "/heyday.user.v1.UserService/", "/heyday.scheduler.v1.SchedulerService/", "/heyday.notifier.v1.NotifierService/"
	calls := []struct {
		method, path, body, rpc string
		answer                  proto.Message
	}{
		{"POST", "/api/v1/users", `{"firstName":"Kari"}`, users + "CreateUser", &userv1.User{}},
		{"GET", "/api/v1/users", "", users + "ListUsers", &userv1.ListUsersResponse{}},
		{"GET", "/api/v1/users/7", "", users + "GetUser", &userv1.User{}},
		{"PATCH", "/api/v1/users/7", `{"locale":"nb"}`, users + "UpdateUser", &userv1.User{}},
		{"PUT", "/api/v1/users/7", `{"locale":"nb"}`, users + "ReplaceUser", &userv1.User{}},
		{"DELETE", "/api/v1/users/7", "", users + "DeleteUser", &userv1.User{}},
		{"POST", "/api/v1/users/7:restore", "", users + "RestoreUser", &userv1.User{}},
		{"GET", "/api/v1/users/7/replans", "", scheduler + "ListReplans", &schedulerv1.ListReplansResponse{}},
		{"GET", "/api/v1/messages?state=SENT&localDate=2026-12-30", "", scheduler + "ListMessages", &schedulerv1.ListMessagesResponse{}},
		{"GET", "/api/v1/messages/7", "", scheduler + "GetMessage", &schedulerv1.Message{}},
		{"GET", "/api/v1/jobs", "", scheduler + "ListJobs", &schedulerv1.ListJobsResponse{}},
		{"GET", "/api/v1/jobs/plan", "", scheduler + "GetJob", &schedulerv1.Job{}},
		{"POST", "/api/v1/jobs/plan:run", "", scheduler + "RunJob", &schedulerv1.Job{}},
		{"POST", "/api/v1/jobs/plan:run", "{}", scheduler + "RunJob", &schedulerv1.Job{}},
		{"GET", "/api/v1/deliveries?userId=7&state=RETRY", "", notifier + "ListDeliveries", &notifierv1.ListDeliveriesResponse{}},
		{"GET", "/api/v1/deliveries/7", "", notifier + "GetDelivery", &notifierv1.Delivery{}},
		{"GET", "/api/v1/deadLetters", "", notifier + "ListDeadLetters", &notifierv1.ListDeadLettersResponse{}},
		{"GET", "/api/v1/deadLetters/7", "", notifier + "GetDeadLetter", &notifierv1.DeadLetter{}},
	}
	services, client := start(t)
	for _, call := range calls {
		t.Run(call.method+" "+call.path, func(t *testing.T) {
			services.answers(call.answer, nil)
			got := client.do(call.method, call.path, call.body)
			if got.code != 200 || services.rpc != call.rpc {
				t.Errorf("%d by %s: %s", got.code, services.rpc, got.body)
			}
		})
	}
}

func TestAnswersAreCamelCaseAndHoldEveryField(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.User{FirstName: "Kari", LeapDayRule: userv1.LeapDayRule_FEB_28}, nil)
	var user map[string]any
	if err := json.Unmarshal([]byte(client.do("GET", "/api/v1/users/7", "").body), &user); err != nil {
		t.Fatal(err)
	}
	if user["firstName"] != "Kari" || user["leapDayRule"] != "FEB_28" || user["anniversary"] != "" || user["version"] != 0.0 {
		t.Errorf("%v", user)
	}
	if _, ok := user["deleteTime"]; ok {
		t.Error("a time that is absent is written")
	}
}

func TestCountsOfAJobAreNumbers(t *testing.T) {
	services, client := start(t)
	services.answers(&schedulerv1.Job{LastRun: &schedulerv1.Job_Run{Counts: map[string]int32{"planned": 10000}}}, nil)
	var job struct {
		LastRun struct{ Counts map[string]int }
	}
	if err := json.Unmarshal([]byte(client.do("GET", "/api/v1/jobs/plan", "").body), &job); err != nil || job.LastRun.Counts["planned"] != 10000 {
		t.Errorf("%v: %v", err, job)
	}
}

func TestAPatchChangesWhatItNames(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.User{}, nil)
	masks := map[string]struct {
		path, body string
		want       []string
	}{
		"the fields of the body":       {"/api/v1/users/7", `{"birthday":"","suppressedOccasions":["birthday"]}`, []string{"birthday", "suppressed_occasions"}},
		"the mask, in camel case":      {"/api/v1/users/7?updateMask=firstName,locale", `{"firstName":"Kari"}`, []string{"first_name", "locale"}},
		"all":                          {"/api/v1/users/7?updateMask=*", `{"firstName":"Kari"}`, []string{"*"}},
		"the mask, in the protos' way": {"/api/v1/users/7?update_mask=first_name", `{"firstName":"Kari"}`, []string{"first_name"}},
	}
	for name, mask := range masks {
		t.Run(name, func(t *testing.T) {
			if got := client.do("PATCH", mask.path, mask.body); got.code != 200 {
				t.Fatalf("%d: %s", got.code, got.body)
			}
			request := services.request.(*userv1.UpdateUserRequest)
			paths := map[string]bool{}
			for _, path := range request.GetUpdateMask().GetPaths() {
				paths[path] = true
			}
			if len(paths) != len(mask.want) || request.GetUser().GetId() != "7" {
				t.Errorf("%v", request)
			}
			for _, path := range mask.want {
				if !paths[path] {
					t.Errorf("%q is not in %v", path, paths)
				}
			}
		})
	}
}

func TestWhatIsForwarded(t *testing.T) {
	services, client := start(t)
	services.answers(&userv1.User{}, nil)
	trace := "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	got := client.do("POST", "/api/v1/users", `{}`, "Idempotency-Key: import-1", "Traceparent: "+trace, "X-Request-Id: mine-1",
		"Grpc-Metadata-X-Identity: root", "X-Identity: root")
	want := map[string]string{"idempotency-key": "import-1", "traceparent": trace, "x-request-id": "mine-1"}
	for key, value := range want {
		if values := services.metadata.Get(key); len(values) != 1 || values[0] != value {
			t.Errorf("%s is %v", key, values)
		}
	}
	if identity := services.metadata.Get("x-identity"); len(identity) != 0 {
		t.Errorf("a caller gave itself the identity %v", identity)
	}
	if got.header.Get("X-Request-Id") != "mine-1" {
		t.Errorf("the request id comes back as %q", got.header.Get("X-Request-Id"))
	}
}

func TestARequestIDIsMade(t *testing.T) {
	_, client := start(t)
	for _, given := range []string{"", "a b\"c", "0123456789012345678901234567890123456789012345678901234567890123456789"} {
		made := client.do("GET", "/api/v1/users/7", "", "X-Request-Id: "+given).header.Get("X-Request-Id")
		if made == given || len(made) < 20 {
			t.Errorf("%q became %q", given, made)
		}
	}
}

func TestWhatIsNotPublicIsNotServed(t *testing.T) {
	_, client := start(t)
	paths := []string{
		"/metrics", "/health/detailed", "/api/v1/snapshots", "/heyday.user.v1.UserService/ListSnapshots",
		"/heyday.scheduler.v1.SchedulerService/ReplayMessages", "/heyday.dispatcher.v1.DispatcherService/Dispatch", "/debug/pprof/",
		"/heyday.status.v1.StatusService/GetStatus", "/api/v1/status",
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "POST"} {
			if got := client.do(method, path, ""); got.code != 404 || got.problem(t).Code != 5 {
				t.Errorf("%s %s: %d", method, path, got.code)
			}
		}
	}
}
