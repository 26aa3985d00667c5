package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	statusv1 "heyday/gateway/gen/heyday/status/v1"
)

// page is what /health/detailed shows: each service in the words of its own StatusService.
type page struct {
	Status   string   `json:"status"`
	Version  string   `json:"version"`
	Uptime   duration `json:"uptime"`
	Services []report `json:"services"`
}

// report is how a service answered; of several replicas one does, the next in turn.
type report struct {
	Name    string          `json:"name"`
	State   string          `json:"state"`
	Latency duration        `json:"latency"`
	Reason  string          `json:"reason,omitempty"`
	Process json.RawMessage `json:"process,omitempty"`

	isServing, isWhole bool
}

// serveDetailed asks every service anew. It names what only operators should know.
func (h *health) serveDetailed(w http.ResponseWriter, r *http.Request) {
	reports := askAll(r.Context(), h.backends, reportOf)
	shown := page{Status: "SERVING", Version: h.version, Uptime: duration(time.Since(h.started)), Services: reports}
	if slices.ContainsFunc(reports, func(each report) bool { return !each.isServing || !each.isWhole }) {
		shown.Status = "DEGRADED"
	}
	httpStatus := http.StatusOK
	if slices.ContainsFunc(reports, func(each report) bool { return !each.isServing }) {
		httpStatus = http.StatusServiceUnavailable
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(httpStatus)
	indented := json.NewEncoder(w)
	indented.SetIndent("", "  ")
	_ = indented.Encode(shown)
}

func reportOf(ctx context.Context, backend *backend) report {
	started := time.Now()
	process, err := statusv1.NewStatusServiceClient(backend.conn).GetStatus(ctx, &statusv1.GetStatusRequest{})
	answered := report{Name: backend.name, Latency: duration(time.Since(started))}
	if err != nil {
		answered.State, answered.Reason = "UNREACHABLE", status.Code(err).String()
		return answered
	}
	answered.State = process.GetState().String()
	answered.isServing = process.GetState() == statusv1.ProcessStatus_SERVING
	answered.isWhole = isWhole(process)
	answered.Process, _ = protojson.MarshalOptions{EmitDefaultValues: true}.Marshal(process) // what was read can be written
	return answered
}

// isWhole tells whether everything round a process is as it should be, also what it does without.
func isWhole(process *statusv1.ProcessStatus) bool {
	for _, dependency := range process.GetDependencies() {
		if dependency.GetState() == statusv1.Dependency_DOWN {
			return false
		}
	}
	for _, topic := range process.GetTopics() {
		if topic.GetPartitionCount() != topic.GetDeclaredPartitionCount() {
			return false
		}
	}
	for _, breaker := range process.GetBreakers() {
		if breaker.GetState() != statusv1.Breaker_CLOSED {
			return false
		}
	}
	return true
}

// duration is in JSON what a google.protobuf.Duration is: seconds, such as "0.001s".
type duration time.Duration

func (d duration) MarshalJSON() ([]byte, error) {
	seconds := time.Duration(d).Round(time.Microsecond).Seconds()
	return []byte(`"` + strconv.FormatFloat(seconds, 'f', -1, 64) + `s"`), nil
}
