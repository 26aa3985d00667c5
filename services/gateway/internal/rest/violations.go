package rest

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Violations are the mistakes of one request, in the spelling of its caller.
type Violations []*errdetails.BadRequest_FieldViolation

// Invalid is the status of a request with a single mistake.
func Invalid(field, format string, arguments ...any) *status.Status {
	var found Violations
	found.add(field, format, arguments...)
	return found.Status()
}

// Status is INVALID_ARGUMENT with every mistake as a detail and in the message, or nil when there is none.
func (found Violations) Status() *status.Status {
	if len(found) == 0 {
		return nil
	}
	sentences := make([]string, len(found))
	for i, violation := range found {
		sentences[i] = violation.GetDescription()
	}
	plain := status.New(codes.InvalidArgument, strings.Join(sentences, " "))
	detailed, err := plain.WithDetails(&errdetails.BadRequest{FieldViolations: found})
	if err != nil { // only for OK, which this is not
		return plain
	}
	return detailed
}

func (found *Violations) add(field, format string, arguments ...any) {
	*found = append(*found, &errdetails.BadRequest_FieldViolation{Field: field, Description: fmt.Sprintf(format, arguments...)})
}
