package gateway

import (
	"context"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"heyday/gateway/internal/rest"
)

// ours are the sentences for failures that are not the caller's, whose own words may tell addresses or SQL.
var ours = map[codes.Code]string{
	codes.Unknown:          "Something went wrong on our side. The request id helps us to find out what.",
	codes.Internal:         "Something went wrong on our side. The request id helps us to find out what.",
	codes.DataLoss:         "Something went wrong on our side. The request id helps us to find out what.",
	codes.Unavailable:      "A part that is needed does not answer. Try again shortly.",
	codes.DeadlineExceeded: "The time allowed for the request is over.",
	codes.Canceled:         "The request was given up.",
	codes.Unimplemented:    "This call is not available.",
}

// writeStatus answers with a google.rpc.Status as JSON. Every error leaves through here, with the same details.
func writeStatus(w http.ResponseWriter, httpStatus int, answer *status.Status) {
	header, message := w.Header(), answer.Proto()
	complete(message, httpStatus, header.Get(requestIDHeader))
	body, err := protojson.Marshal(message)
	if err != nil { // a detail of a type that is not linked in
		message = status.New(answer.Code(), answer.Message()).Proto()
		complete(message, httpStatus, header.Get(requestIDHeader))
		body, _ = protojson.Marshal(message)
	}
	header.Set("Content-Type", "application/json")
	header.Del("ETag")
	if header.Get("Retry-After") == "" && (httpStatus == http.StatusServiceUnavailable || httpStatus == http.StatusTooManyRequests) {
		header.Set("Retry-After", "1")
	}
	w.WriteHeader(httpStatus)
	_, _ = w.Write(body)
}

func writeTooMany(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
	writeStatus(w, http.StatusTooManyRequests, status.New(codes.ResourceExhausted, "Too many requests: see Retry-After for the seconds to wait."))
}

// writeRPCError answers with an RPC's error, in the caller's spelling.
func writeRPCError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, _ *http.Request, err error) {
	current, answer := callOf(ctx), withoutRetries(status.Convert(err))
	httpStatus := runtime.HTTPStatusFromCode(answer.Code())
	if answer.Code() == codes.Aborted && current.ifMatch != 0 {
		httpStatus = http.StatusPreconditionFailed
	}
	writeStatus(w, httpStatus, forCaller(answer, current.route))
}

// withoutRetries takes away what gRPC puts before a service's words when a read was tried again in vain.
func withoutRetries(answer *status.Status) *status.Status {
	retries, words, found := strings.Cut(answer.Message(), " desc = ")
	if !found || !strings.HasPrefix(retries, "max retries exhausted") {
		return answer
	}
	changed := answer.Proto()
	changed.Message = words
	return status.FromProto(changed)
}

func forCaller(answer *status.Status, route *rest.Route) *status.Status {
	if sentence, ok := ours[answer.Code()]; ok && len(answer.Proto().GetDetails()) == 0 {
		return status.New(answer.Code(), sentence)
	}
	if misfit := rest.Misfit(answer.Message()); misfit != nil && answer.Code() == codes.InvalidArgument {
		return misfit
	}
	if route == nil {
		return answer
	}
	return spelled(answer, route)
}

// spelled replaces the names of the RPC's request in field violations by those of the REST call.
func spelled(answer *status.Status, route *rest.Route) *status.Status {
	changed := answer.Proto()
	for i, packed := range changed.GetDetails() {
		violations := &errdetails.BadRequest{}
		if packed.UnmarshalTo(violations) != nil {
			continue
		}
		for _, violation := range violations.GetFieldViolations() {
			violation.Field = route.Spell(violation.GetField())
		}
		value, err := proto.Marshal(violations)
		if err != nil {
			continue
		}
		changed.Details[i].Value = value
	}
	return status.FromProto(changed)
}
