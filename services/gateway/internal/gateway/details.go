package gateway

import (
	"net/http"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// complete adds what each error tells a program, unless its service did: why (the HTTP status in words) and of which request.
func complete(answer *statuspb.Status, httpStatus int, requestID string) {
	var details []proto.Message
	if !hasDetail(answer, &errdetails.ErrorInfo{}) {
		details = append(details, &errdetails.ErrorInfo{Reason: reasonOf(httpStatus), Domain: "gateway"})
	}
	if requestID != "" && !hasDetail(answer, &errdetails.RequestInfo{}) {
		details = append(details, &errdetails.RequestInfo{RequestId: requestID})
	}
	for _, detail := range details {
		if packed, err := anypb.New(detail); err == nil {
			answer.Details = append(answer.Details, packed)
		}
	}
}

func hasDetail(answer *statuspb.Status, kind proto.Message) bool {
	return slices.ContainsFunc(answer.GetDetails(), func(packed *anypb.Any) bool { return packed.MessageIs(kind) })
}

// reasonOf is METHOD_NOT_ALLOWED for 405.
func reasonOf(httpStatus int) string {
	return strings.ToUpper(strings.ReplaceAll(http.StatusText(httpStatus), " ", "_"))
}
