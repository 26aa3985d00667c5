package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/health/grpc_health_v1"
)

const (
	probeEvery   = 2 * time.Second
	probeTimeout = time.Second
	// readiness is the name under which every service answers whether all its parts are ready.
	readiness = "readiness"
)

// health watches the services and tells whether this replica should get traffic.
type health struct {
	backends []*backend
	metrics  *metrics
	version  string
	started  time.Time

	draining atomic.Bool
	mutex    sync.Mutex
	latest   []probe
}

// probe is how a service answered when it was last asked.
type probe struct {
	Name      string  `json:"name"`
	State     string  `json:"state"`
	LatencyMS float64 `json:"latencyMs"`
}

func (p probe) isServing() bool {
	return p.State == grpc_health_v1.HealthCheckResponse_SERVING.String()
}

// watch asks the services again and again until the context ends.
func (h *health) watch(ctx context.Context) {
	ticker := time.NewTicker(probeEvery)
	defer ticker.Stop()
	for {
		h.probe(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (h *health) probe(ctx context.Context) []probe {
	probes := make([]probe, len(h.backends))
	var all sync.WaitGroup
	for i, backend := range h.backends {
		all.Go(func() { probes[i] = ask(ctx, backend) })
	}
	all.Wait()
	for _, probe := range probes {
		up := 0.0
		if probe.isServing() {
			up = 1
		}
		h.metrics.backendUp.WithLabelValues(probe.Name).Set(up)
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.latest = probes
	return probes
}

func ask(ctx context.Context, backend *backend) probe {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	started := time.Now()
	answer, err := grpc_health_v1.NewHealthClient(backend.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: readiness})
	state := "UNREACHABLE"
	if err == nil {
		state = answer.GetStatus().String()
	}
	return probe{Name: backend.name, State: state, LatencyMS: float64(time.Since(started).Microseconds()) / 1000}
}

// isReady asks for one service only: each call needs its own, and a replica is of use while any is there.
func (h *health) isReady() bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, probe := range h.latest {
		if probe.isServing() {
			return !h.draining.Load()
		}
	}
	return false
}

// serveLive answers as long as the process does.
func (h *health) serveLive(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"status": "SERVING"})
}

func (h *health) serveReady(w http.ResponseWriter, _ *http.Request) {
	if !h.isReady() {
		writeJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "NOT_SERVING"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"status": "SERVING"})
}

// serveDetailed asks every service anew. It names what only operators should know.
func (h *health) serveDetailed(w http.ResponseWriter, r *http.Request) {
	probes := h.probe(r.Context())
	state, httpStatus := "SERVING", http.StatusOK
	for _, probe := range probes {
		if !probe.isServing() {
			state, httpStatus = "DEGRADED", http.StatusServiceUnavailable
		}
	}
	writeJSON(w, httpStatus, map[string]any{
		"status": state, "version": h.version, "uptimeSeconds": int(time.Since(h.started).Seconds()), "services": probes,
	})
}

func writeJSON(w http.ResponseWriter, httpStatus int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(httpStatus)
	_ = json.NewEncoder(w).Encode(value)
}
