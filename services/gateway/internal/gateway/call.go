package gateway

import (
	"context"
	"crypto/rand"
	"net/http"
	"regexp"
	"strings"

	"google.golang.org/grpc/metadata"

	"heyday/gateway/internal/identity"
	"heyday/gateway/internal/rest"
)

const (
	requestIDHeader   = "X-Request-Id"
	idempotencyHeader = "Idempotency-Key"
)

// call is what is known of the request being served; it grows on the way in and is read on the way out.
type call struct {
	requestID string
	route     *rest.Route      // nil until found, and for what is no API call
	caller    *identity.Caller // nil where identity is off
	ifMatch   int32            // the version the caller insists on; 0: any
}

type callKey struct{}

// callOf returns the call of a request; outside of one, an empty one.
func callOf(ctx context.Context) *call {
	if found, ok := ctx.Value(callKey{}).(*call); ok {
		return found
	}
	return &call{}
}

// identified gives each request its call and its id. A caller's own id is kept if it is harmless in a log.
func identified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get(requestIDHeader)
		if !harmlessID.MatchString(id) {
			id = strings.ToLower(rand.Text())
		}
		w.Header().Set(requestIDHeader, id)
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, &call{requestID: id})))
	})
}

var harmlessID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,64}$`)

// forwarded are the headers that reach the services; a caller cannot name metadata of its own.
func forwarded(header string) (string, bool) {
	switch header {
	case idempotencyHeader, "Traceparent", "Tracestate":
		return strings.ToLower(header), true
	default:
		return "", false
	}
}

// withheld keeps the services' own metadata from the caller.
func withheld(string) (string, bool) { return "", false }

func requestMetadata(ctx context.Context, _ *http.Request) metadata.MD {
	current := callOf(ctx)
	told := metadata.Pairs("x-request-id", current.requestID)
	if current.caller != nil {
		told.Set("x-identity", current.caller.Subject)
		told.Set("x-roles", strings.Join(current.caller.Roles, ","))
	}
	return told
}
