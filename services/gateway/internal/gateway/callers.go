package gateway

import (
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"heyday/gateway/internal/identity"
)

// verified lets pass who shows who they are; everybody, where identity is off. Whoever fails to is counted against their address, and once
// that is used up nothing of theirs is looked at: no signature is checked for them and no key of the issuer asked for.
func (a *api) verified(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a.identity != nil && !a.verify(w, r) {
			return
		}
		identity.Strip(r.Header)
		next.ServeHTTP(w, r)
	})
}

func (a *api) verify(w http.ResponseWriter, r *http.Request) bool {
	current, address := callOf(r.Context()), a.settings.TrustedProxies.Client(r)
	class := classOf(current.route)
	if wait, ok := a.rate.Peek(address, class); !ok {
		a.refuseRate(w, class, wait)
		return false
	}
	caller, refusal := a.identity.Verify(r.Header)
	if refusal != nil {
		a.rate.Charge(address, class)
		a.refuseCaller(w, refusal)
		return false
	}
	current.caller = caller
	return true
}

func (a *api) refuseCaller(w http.ResponseWriter, refusal *identity.Refusal) {
	a.metrics.refused.WithLabelValues(refusal.Reason).Inc()
	if refusal.IsOurs {
		writeReason(w, http.StatusServiceUnavailable, codes.Unavailable, refusal.Message, &errdetails.ErrorInfo{Reason: refusal.Reason})
		return
	}
	for _, challenge := range a.identity.Challenges(refusal) {
		w.Header().Add("WWW-Authenticate", challenge)
	}
	writeReason(w, http.StatusUnauthorized, codes.Unauthenticated, refusal.Message, &errdetails.ErrorInfo{Reason: refusal.Reason})
}

// permitted lets a caller make the calls of the classes whose roles it has.
func (a *api) permitted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		current := callOf(r.Context())
		role := classOf(current.route)
		if current.caller == nil || current.route == nil || current.caller.May(role) {
			next.ServeHTTP(w, r)
			return
		}
		const reason = "ROLE_MISSING"
		a.metrics.refused.WithLabelValues(reason).Inc()
		writeReason(w, http.StatusForbidden, codes.PermissionDenied, "This call needs the role "+role+", which the caller does not have.",
			&errdetails.ErrorInfo{Reason: reason, Metadata: map[string]string{"role": role}})
	})
}

func writeReason(w http.ResponseWriter, httpStatus int, code codes.Code, message string, info *errdetails.ErrorInfo) {
	info.Domain = "gateway"
	answer, err := status.New(code, message).WithDetails(info)
	if err != nil { // only OK takes no details
		panic(err)
	}
	writeStatus(w, httpStatus, answer)
}
