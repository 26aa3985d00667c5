package gateway

import (
	"encoding/json"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	statusv1 "heyday/gateway/gen/heyday/status/v1"
)

// shown is /health/detailed as a reader of its JSON sees it.
type shown struct {
	Status, Version, Uptime string
	Services                []struct {
		Name, State, Latency, Reason string
		Process                      struct {
			ResidentMemoryBytes string
			WaitingFor          []string
			Dependencies        []struct {
				Name, State, Latency, Reason string
				Required                     bool
			}
		}
	}
}

func detailed(t *testing.T, g *Gateway) (code int, page shown) {
	t.Helper()
	recorder := httptest.NewRecorder()
	g.internal.ServeHTTP(recorder, httptest.NewRequest("GET", "/health/detailed", nil))
	if err := json.Unmarshal(recorder.Body.Bytes(), &page); err != nil {
		t.Fatalf("%v: %s", err, recorder.Body)
	}
	return recorder.Code, page
}

func TestThePageInDetailShowsEachServiceInItsOwnWords(t *testing.T) {
	services := startBackends(t)
	services.status.ResidentMemoryBytes = 5 << 20
	services.status.Dependencies = []*statusv1.Dependency{
		{Name: "postgres", State: statusv1.Dependency_UP, Required: true, Latency: durationpb.New(1500 * time.Microsecond)},
	}
	code, page := detailed(t, newGateway(t, services.target))
	if code != 200 || page.Status != "SERVING" || page.Version != "v1.2.3" || !strings.HasSuffix(page.Uptime, "s") || len(page.Services) != 4 {
		t.Fatalf("%d %+v", code, page)
	}
	for i, name := range []string{"user-service", "scheduler-service", "notifier-service", "dispatcher-service"} {
		service := page.Services[i]
		if service.Name != name || service.State != "SERVING" || service.Latency == "0s" || service.Process.ResidentMemoryBytes != "5242880" {
			t.Errorf("%+v", service)
		}
		if got := service.Process.Dependencies[0]; got.Name != "postgres" || got.State != "UP" || got.Latency != "0.001500s" || !got.Required {
			t.Errorf("%+v", got)
		}
	}
}

func TestAServiceThatDoesNotAnswerIsShown(t *testing.T) {
	services := startBackends(t)
	for position, setting := range []string{"USER", "SCHEDULER", "NOTIFIER", "DISPATCHER"} {
		code, page := detailed(t, newGateway(t, services.target, setting+"_SERVICE_TARGET=dns:///127.0.0.1:1"))
		if code != 503 || page.Status != "DEGRADED" {
			t.Errorf("without %s: %d %s", setting, code, page.Status)
		}
		for i, service := range page.Services {
			if isAway := i == position; isAway != (service.State == "UNREACHABLE" && service.Reason == "Unavailable") {
				t.Errorf("without %s: %+v", setting, service)
			}
		}
	}
}

func TestAServiceThatIsNotReadySaysWhatItWaitsFor(t *testing.T) {
	services := startBackends(t)
	services.status.State, services.status.WaitingFor = statusv1.ProcessStatus_NOT_SERVING, []string{"postgres"}
	code, page := detailed(t, newGateway(t, services.target))
	if service := page.Services[0]; code != 503 || service.State != "NOT_SERVING" || !slices.Equal(service.Process.WaitingFor, []string{"postgres"}) {
		t.Errorf("%d %+v", code, service)
	}
}

func TestWhatAServiceDoesWithoutIsShownAsDegraded(t *testing.T) {
	services := startBackends(t)
	for name, status := range map[string]*statusv1.ProcessStatus{
		"a hint is down":    {Dependencies: []*statusv1.Dependency{{Name: "redis", State: statusv1.Dependency_DOWN, Reason: "CONNECTION_ERROR"}}},
		"a topic is wrong":  {Topics: []*statusv1.Topic{{Name: "due", PartitionCount: 0, DeclaredPartitionCount: 64}}},
		"a breaker is open": {Breakers: []*statusv1.Breaker{{Name: "provider", State: statusv1.Breaker_OPEN}}},
	} {
		status.State = statusv1.ProcessStatus_SERVING
		services.status = status
		if code, page := detailed(t, newGateway(t, services.target)); code != 200 || page.Status != "DEGRADED" {
			t.Errorf("%s: %d %s", name, code, page.Status)
		}
	}
}

func TestAServiceThatHangsKeepsThePageForASecondOnly(t *testing.T) {
	services, silent := startBackends(t), listen(t)
	t.Cleanup(func() { _ = silent.Close() })
	started := time.Now()
	_, page := detailed(t, newGateway(t, services.target, "NOTIFIER_SERVICE_TARGET=dns:///"+silent.Addr().String()))
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
	if hung, other := page.Services[2], page.Services[3]; hung.State != "UNREACHABLE" || hung.Reason != "DeadlineExceeded" || other.State != "SERVING" {
		t.Errorf("%+v %+v", hung, other)
	}
}
