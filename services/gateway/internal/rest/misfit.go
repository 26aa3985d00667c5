package rest

import (
	"regexp"
	"strings"

	"google.golang.org/grpc/status"
)

var misfitPosition = regexp.MustCompile(`\(line (\d+):(\d+)\)`)

// Misfit says in our words what the JSON library of protobuf says of a body ("proto: ..."): its own quote the body, which may hold
// personal data. It returns nil for any other sentence.
func Misfit(sentence string) *status.Status {
	text, ok := strings.CutPrefix(sentence, "proto:")
	if !ok {
		return nil
	}
	what := "The body does not fit"
	switch {
	case strings.Contains(text, "): duplicate "):
		what = "The body names a field twice"
	case strings.Contains(text, "): invalid escape code "), strings.HasSuffix(text, "unexpected EOF"): // the end, looking for a surrogate's other half
		what = "The body holds an escape sequence that is no character"
	}
	if at := misfitPosition.FindStringSubmatch(text); at != nil {
		return Invalid("body", "%s: line %s, column %s.", what, at[1], at[2])
	}
	return Invalid("body", "%s.", what)
}
