package gateway

import (
	"log/slog"
	"net/http"
	"slices"
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
		log.LogAttrs(r.Context(), levelOf(answer.status), "request",
			slog.String("route", template), slog.String("method", method), slog.Int("status", answer.status),
			slog.Duration("took", took), slog.String("request_id", callOf(r.Context()).requestID), slog.String("traceparent", r.Header.Get("Traceparent")))
	})
}

// recovered answers for a handler that panicked; the stack goes to the log only.
func recovered(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				log.ErrorContext(r.Context(), "panic", "cause", cause, "request_id", callOf(r.Context()).requestID)
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
