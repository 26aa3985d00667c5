package rest

import (
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	mostViolations = 100
	mostShown      = 100 // characters of a name that the caller made up
)

// Violations are the mistakes of one request, in the spelling of its caller: the first of them named, the others counted.
type Violations struct {
	named []*errdetails.BadRequest_FieldViolation
	more  int
}

// Invalid is the status of a request with a single mistake.
func Invalid(field, format string, arguments ...any) *status.Status {
	var found Violations
	found.add(field, format, arguments...)
	return found.Status()
}

// Together is one status with the mistakes of several; nil when there is none.
func Together(mistakes ...*status.Status) *status.Status {
	var all Violations
	for _, mistake := range mistakes {
		for _, detail := range mistake.Details() {
			if found, ok := detail.(*errdetails.BadRequest); ok {
				all.named = append(all.named, found.GetFieldViolations()...)
			}
		}
	}
	return all.Status()
}

// Status is INVALID_ARGUMENT with the mistakes as a detail and in the message, or nil when there is none.
func (found *Violations) Status() *status.Status {
	if len(found.named) == 0 {
		return nil
	}
	violations := found.named
	if found.more > 0 {
		violations = append(violations, &errdetails.BadRequest_FieldViolation{Field: "*", Description: fmt.Sprintf("And %d more.", found.more)})
	}
	sentences := make([]string, len(violations))
	for i, violation := range violations {
		sentences[i] = violation.GetDescription()
	}
	plain := status.New(codes.InvalidArgument, strings.Join(sentences, " "))
	detailed, err := plain.WithDetails(&errdetails.BadRequest{FieldViolations: violations})
	if err != nil { // only for OK, which this is not
		return plain
	}
	return detailed
}

func (found *Violations) add(field, format string, arguments ...any) {
	if len(found.named) == mostViolations {
		found.more++
		return
	}
	found.named = append(found.named, &errdetails.BadRequest_FieldViolation{Field: field, Description: fmt.Sprintf(format, arguments...)})
}

// shown is a name that the caller made up, cut to what an answer repeats of it.
func shown(name string) string {
	count := 0
	for i := range name {
		if count == mostShown {
			return name[:i] + "…"
		}
		count++
	}
	return name
}
