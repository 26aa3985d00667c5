package gateway

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/protobuf/encoding/protojson"

	"heyday/gateway/internal/identity"
	"heyday/gateway/internal/limit"
	"heyday/gateway/internal/rest"
)

// api is the way of a request to its RPC. Each step answers what it refuses and passes on the rest.
type api struct {
	settings Settings
	routes   rest.Routes
	identity *identity.Verifier // nil: anybody may call
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
	return a.routed(a.verified(a.limited(a.permitted(known(a.bounded(a.checked(conditional(mux))))))))
}

// routed finds the call. What is none is refused only after it was counted against the limit.
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

// limited counts a request against its caller or, where that is nobody's, its address.
func (a *api) limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		current := callOf(r.Context())
		class, client := classOf(current.route), a.settings.TrustedProxies.Client(r)
		if current.caller != nil {
			client = current.caller.Subject
		}
		if wait, ok := a.rate.Take(client, class); !ok {
			a.refuseRate(w, class, wait)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (a *api) refuseRate(w http.ResponseWriter, class string, wait time.Duration) {
	a.metrics.limited.WithLabelValues(class).Inc()
	writeTooMany(w, wait)
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

func known(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		allowed := w.Header().Get("Allow")
		switch {
		case callOf(r.Context()).route != nil:
			next.ServeHTTP(w, r)
		case allowed != "":
			writeWrongMethod(w, allowed)
		default:
			writeNothingHere(w, r)
		}
	})
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
