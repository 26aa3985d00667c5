package gateway

import (
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// observed logs and counts each request. Neither path nor query is logged: they hold addresses and ids; the template says enough.
func observed(next http.Handler, metrics *metrics, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		metrics.inFlight.Inc()
		defer metrics.inFlight.Dec()
		started, answer := time.Now(), &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		recovered(next, log).ServeHTTP(answer, r)
		took, template, method := time.Since(started), "", knownMethod(r.Method)
		if route := callOf(r.Context()).route; route != nil {
			template = route.Template
		}
		metrics.request(template, method, answer.status, took)
		log.LogAttrs(r.Context(), levelOf(answer.status), "request.served",
			slog.String("route", template), slog.String("method", method), slog.Int("status", answer.status),
			slog.Float64("took_ms", float64(took.Microseconds())/1000),
			slog.String("request_id", callOf(r.Context()).requestID), slog.String("trace_id", traceID(r.Header)))
	})
}

// recovered answers for a handler that panicked; the stack goes to the log only.
func recovered(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				log.ErrorContext(r.Context(), "request.panicked", "cause", cause, "stack", string(debug.Stack()), "request_id", callOf(r.Context()).requestID)
				writeStatus(w, http.StatusInternalServerError, status.New(codes.Internal, ours[codes.Internal]))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

func (w *statusRecorder) WriteHeader(code int) {
	w.status = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func levelOf(httpStatus int) slog.Level {
	if httpStatus >= http.StatusInternalServerError {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// knownMethod keeps callers from making up metric labels.
func knownMethod(method string) string {
	known := []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions}
	if slices.Contains(known, method) {
		return method
	}
	return "other"
}

// traceID is the second part of a W3C traceparent.
func traceID(header http.Header) string {
	if parts := strings.Split(header.Get("Traceparent"), "-"); len(parts) == 4 && len(parts[1]) == 32 {
		return parts[1]
	}
	return ""
}
