package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"heyday/gateway/internal/limit"
	"heyday/gateway/internal/rest"
)

// api is the way of a request to its RPC. Each step answers what it refuses and passes on the rest.
type api struct {
	settings Settings
	routes   rest.Routes
	rate     *limit.Rate
	metrics  *metrics
}

// newMux is the generated gateway, with answers in camelCase that hold every field, also the empty ones.
func newMux() *runtime.ServeMux {
	return runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, &runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{EmitDefaultValues: true}}),
		runtime.WithErrorHandler(writeRPCError),
		runtime.WithForwardResponseOption(tagged),
		runtime.WithIncomingHeaderMatcher(forwarded),
		runtime.WithOutgoingHeaderMatcher(withheld),
		runtime.WithOutgoingTrailerMatcher(withheld),
		runtime.WithMetadata(requestMetadata),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
}

func (a *api) handler(mux http.Handler) http.Handler {
	return a.routed(a.limited(a.bounded(a.checked(conditional(mux)))))
}

// routed finds the call; a path or method that is none is refused further on, after it was counted against the limit.
func (a *api) routed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route, allowed := a.routes.Find(r.Method, r.URL.Path)
		callOf(r.Context()).route = route
		if len(allowed) > 0 {
			w.Header().Set("Allow", strings.Join(allowed, ", "))
		}
		if r.Method == http.MethodHead { // answered like GET; the server leaves out the body
			r = r.Clone(r.Context())
			r.Method = http.MethodGet
		}
		next.ServeHTTP(w, r)
	})
}

func (a *api) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := callOf(r.Context()).route
		class := classOf(route)
		if wait, ok := a.rate.Take(a.settings.TrustedProxies.Client(r), class); !ok {
			a.metrics.limited.WithLabelValues(class).Inc()
			writeTooMany(w, wait)
			return
		}
		if route == nil {
			refuseUnknown(w)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// classOf takes every change of something else than a user for an operator's.
func classOf(route *rest.Route) string {
	switch {
	case route == nil || route.Method == http.MethodGet:
		return classRead
	case strings.HasPrefix(route.RPC, "/heyday.user."):
		return classWrite
	default:
		return classOperate
	}
}

func refuseUnknown(w http.ResponseWriter) {
	if allowed := w.Header().Get("Allow"); allowed != "" {
		writeStatus(w, http.StatusMethodNotAllowed, status.Newf(codes.Unimplemented, "This path does not take that method, but %s.", allowed))
		return
	}
	writeStatus(w, http.StatusNotFound, status.New(codes.NotFound, "There is nothing at this path; /openapi.json lists what there is."))
}

// bounded sets the deadline of the call, and lets the connection wait a little longer for its answer.
func (a *api) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timeout := a.settings.RequestTimeout
		if classOf(callOf(r.Context()).route) == classOperate {
			timeout = a.settings.OperateTimeout
		}
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(a.settings.ReadTimeout + timeout + answerTime))
		ctx, cancel := context.WithTimeout(r.Context(), timeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// checked refuses a request that does not fit its call, with all its mistakes.
func (a *api) checked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := callOf(r.Context()).route
		if mistake := checkAddress(r); mistake != nil {
			writeStatus(w, http.StatusBadRequest, mistake)
			return
		}
		query, mistake := route.CheckQuery(r.URL.RawQuery)
		if mistake != nil {
			writeStatus(w, http.StatusBadRequest, mistake)
			return
		}
		r.URL.RawQuery = query
		body, ok := a.readBody(w, r)
		if !ok {
			return
		}
		if mistake := route.CheckBody(body); mistake != nil {
			writeStatus(w, http.StatusBadRequest, mistake)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

func checkAddress(r *http.Request) *status.Status {
	if !utf8.ValidString(r.URL.Path) || strings.ContainsRune(r.URL.Path, 0) {
		return rest.Invalid("path", "The path holds a null byte or is not valid UTF-8.")
	}
	if key := r.Header.Get(idempotencyHeader); len(key) > 128 || strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return rest.Invalid(idempotencyHeader, "Idempotency-Key must have at most 128 printable ASCII characters.")
	}
	return nil
}

// readBody returns the whole body, which is small, or answers why it does not take it.
func (a *api) readBody(w http.ResponseWriter, r *http.Request) ([]byte, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, a.settings.MaxBodyBytes))
	switch {
	case isTooLarge(err):
		writeStatus(w, http.StatusRequestEntityTooLarge, rest.Invalid("body", "The body is larger than %d bytes.", a.settings.MaxBodyBytes))
	case errors.Is(err, os.ErrDeadlineExceeded):
		writeStatus(w, http.StatusRequestTimeout, status.New(codes.DeadlineExceeded, "The body did not arrive in time."))
	case err != nil:
		writeStatus(w, http.StatusBadRequest, rest.Invalid("body", "The body broke off."))
	case len(body) > 0 && !isJSON(r.Header):
		writeStatus(w, http.StatusUnsupportedMediaType, rest.Invalid("body", "The body must be plain JSON: Content-Type: application/json, no Content-Encoding."))
	default:
		// The time to send the request is over with the request; left in force, it would end a long call.
		_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
		return body, true
	}
	return nil, false
}

func isTooLarge(err error) bool {
	_, ok := errors.AsType[*http.MaxBytesError](err)
	return ok
}

func isJSON(header http.Header) bool {
	if header.Get("Content-Encoding") != "" {
		return false
	}
	kind, parameters, err := mime.ParseMediaType(header.Get("Content-Type"))
	charset := strings.ToLower(parameters["charset"])
	return err == nil && kind == "application/json" && (charset == "" || charset == "utf-8")
}

// headersWithin refuses headers beyond the limit in our own words; far beyond it, net/http does in its own.
func headersWithin(most int, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		size := len(r.RequestURI)
		for name, values := range r.Header {
			for _, value := range values {
				size += len(name) + len(value) + len(": \r\n")
			}
		}
		if size > most {
			message := fmt.Sprintf("The headers are larger than %d bytes.", most)
			writeStatus(w, http.StatusRequestHeaderFieldsTooLarge, status.New(codes.InvalidArgument, message))
			return
		}
		next.ServeHTTP(w, r)
	})
}
