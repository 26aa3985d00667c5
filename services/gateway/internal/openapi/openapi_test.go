package openapi

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // types of the examples' details

	notifierv1 "heyday/gateway/gen/heyday/notifier/v1"
	schedulerv1 "heyday/gateway/gen/heyday/scheduler/v1"
	userv1 "heyday/gateway/gen/heyday/user/v1"
	"heyday/gateway/internal/identity"
	"heyday/gateway/internal/rest"
)

type response struct {
	Description string
	Schema      struct {
		Ref string `json:"$ref"`
	}
	Examples map[string]json.RawMessage
}

type operation struct {
	OperationID string
	Summary     string
	Parameters  []struct{ Name, In, Description string }
	Responses   map[string]response
}

type api struct {
	Paths               map[string]map[string]operation
	Definitions         map[string]struct{ Example json.RawMessage }
	SecurityDefinitions map[string]struct{ Type, In, Name string }
	Security            []map[string][]string
}

func read(t *testing.T) api {
	t.Helper()
	recorder := httptest.NewRecorder()
	ServeDocument(recorder, httptest.NewRequest("GET", "/openapi.json", nil))
	var found api
	if err := json.Unmarshal(recorder.Body.Bytes(), &found); err != nil {
		t.Fatal(err)
	}
	return found
}

func files() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		userv1.File_heyday_user_v1_user_service_proto,
		schedulerv1.File_heyday_scheduler_v1_scheduler_service_proto,
		notifierv1.File_heyday_notifier_v1_notifier_service_proto,
	}
}

func TestItDescribesEachCallAndNoOther(t *testing.T) {
	routes, err := rest.Of(files()...)
	if err != nil {
		t.Fatal(err)
	}
	var declared, described []string
	for _, route := range routes {
		_, method := route.Name()
		declared = append(declared, method)
	}
	for _, calls := range read(t).Paths {
		for _, call := range calls {
			described = append(described, call.OperationID)
		}
	}
	slices.Sort(declared)
	slices.Sort(described)
	if !slices.Equal(declared, described) {
		t.Errorf("declared %v\ndescribed %v", declared, described)
	}
}

func TestEachPathIsThereOnce(t *testing.T) {
	seen := map[string]string{}
	for path := range read(t).Paths {
		segments := strings.Split(path, "/")
		for i, segment := range segments {
			if strings.HasPrefix(segment, "{") {
				segments[i] = "{}" + segment[strings.Index(segment, "}")+1:]
			}
		}
		shape := strings.Join(segments, "/")
		if other, ok := seen[shape]; ok {
			t.Errorf("%s and %s are one path", path, other)
		}
		seen[shape] = path
	}
}

func TestEachCallHasAnExampleAndItsErrors(t *testing.T) {
	found := read(t)
	for path, calls := range found.Paths {
		for method, call := range calls {
			at := method + " " + path
			for _, code := range []string{"200", "400", "401", "403", "429", "500", "503", "504"} {
				if _, ok := call.Responses[code]; !ok {
					t.Errorf("%s has no %s", at, code)
				}
			}
			if strings.Contains(path, "{id}") && call.Responses["404"].Description == "" {
				t.Errorf("%s has no 404", at)
			}
			if name := strings.TrimPrefix(call.Responses["200"].Schema.Ref, "#/definitions/"); found.Definitions[name].Example == nil {
				t.Errorf("%s: %s has no example", at, name)
			}
			checkErrors(t, at, call)
			if call.Summary == "" {
				t.Errorf("%s has no summary", at)
			}
		}
	}
}

func TestEachCallTakesAnAPIKeyOrAToken(t *testing.T) {
	found := read(t)
	var headers []string
	for _, either := range found.Security {
		for name := range either {
			if scheme := found.SecurityDefinitions[name]; scheme.Type == "apiKey" && scheme.In == "header" {
				headers = append(headers, scheme.Name)
			}
		}
	}
	slices.Sort(headers)
	if len(found.Security) != 2 || !slices.Equal(headers, []string{"Authorization", identity.KeyHeader}) {
		t.Errorf("%v %v", found.Security, found.SecurityDefinitions)
	}
}

func checkErrors(t *testing.T, at string, call operation) {
	t.Helper()
	for code, answer := range call.Responses {
		if code < "400" || code == "default" {
			continue
		}
		example := answer.Examples["application/json"]
		if err := protojson.Unmarshal(example, &status.Status{}); err != nil {
			t.Errorf("%s: the example of %s is no google.rpc.Status: %v", at, code, err)
		}
	}
}

func TestExamplesAreWhatTheySay(t *testing.T) {
	found, checked := read(t), 0
	for _, name := range []protoreflect.FullName{
		"heyday.user.v1.User", "heyday.user.v1.ListUsersResponse", "heyday.scheduler.v1.Message", "heyday.scheduler.v1.ListMessagesResponse",
		"heyday.scheduler.v1.ListReplansResponse", "heyday.scheduler.v1.Job", "heyday.scheduler.v1.ListJobsResponse", "heyday.notifier.v1.Delivery",
		"heyday.notifier.v1.ListDeliveriesResponse", "heyday.notifier.v1.DeadLetter", "heyday.notifier.v1.ListDeadLettersResponse",
	} {
		kind, err := protoregistry.GlobalTypes.FindMessageByName(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := protojson.Unmarshal(found.Definitions[string(name.Name())].Example, kind.New().Interface()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		checked++
	}
	for _, definition := range found.Definitions {
		if definition.Example != nil {
			checked--
		}
	}
	if checked != 0 {
		t.Error("some examples are not checked")
	}
}
