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
	backend   *backend
	isServing bool
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

func (h *health) probe(ctx context.Context) {
	probes := askAll(ctx, h.backends, ask)
	for _, probe := range probes {
		up := 0.0
		if probe.isServing {
			up = 1
		}
		h.metrics.backendUp.WithLabelValues(probe.backend.name).Set(up)
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	h.latest = probes
}

// askAll asks all services at once; none has longer than probeTimeout.
func askAll[T any](ctx context.Context, backends []*backend, ask func(context.Context, *backend) T) []T {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	answers := make([]T, len(backends))
	var all sync.WaitGroup
	for i, backend := range backends {
		all.Go(func() { answers[i] = ask(ctx, backend) })
	}
	all.Wait()
	return answers
}

func ask(ctx context.Context, backend *backend) probe {
	answer, err := grpc_health_v1.NewHealthClient(backend.conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{Service: readiness})
	return probe{backend, err == nil && answer.GetStatus() == grpc_health_v1.HealthCheckResponse_SERVING}
}

// isReady asks for one service only: each call needs its own, and a replica is of use while any is there.
func (h *health) isReady() bool {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, probe := range h.latest {
		if probe.backend.isPublic && probe.isServing {
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

func writeJSON(w http.ResponseWriter, httpStatus int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(httpStatus)
	_ = json.NewEncoder(w).Encode(value)
}
