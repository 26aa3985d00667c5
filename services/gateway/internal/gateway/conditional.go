package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	userv1 "heyday/gateway/gen/heyday/user/v1"
	"heyday/gateway/internal/rest"
)

// tagged gives a user's answer its ETag: the version, which grows with each change.
func tagged(_ context.Context, w http.ResponseWriter, answer proto.Message) error {
	if user, ok := answer.(*userv1.User); ok && user.GetVersion() > 0 {
		w.Header().Set("ETag", fmt.Sprintf(`"%d"`, user.GetVersion()))
	}
	return nil
}

// conditional answers 304 if the caller holds the present version, and notes the version a change insists on.
func conditional(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if header := r.Header.Get("If-Match"); header != "" && header != "*" {
			version, err := strconv.ParseInt(bareTag(header), 10, 32)
			if err != nil || version < 1 {
				writeStatus(w, http.StatusBadRequest, rest.Invalid("If-Match", "If-Match must be one ETag of a user, such as \"7\"."))
				return
			}
			callOf(r.Context()).ifMatch = int32(version)
		}
		if header := r.Header.Get("If-None-Match"); header != "" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			w = &unlessHeld{ResponseWriter: w, held: header}
		}
		next.ServeHTTP(w, r)
	})
}

// unlessHeld leaves out the body of an answer that the caller holds already.
type unlessHeld struct {
	http.ResponseWriter
	held          string
	wroteHeader   bool
	isNotModified bool
}

func (w *unlessHeld) WriteHeader(code int) {
	w.wroteHeader = true
	if code == http.StatusOK && holds(w.held, w.Header().Get("ETag")) {
		w.isNotModified = true
		code = http.StatusNotModified
		w.Header().Del("Content-Type")
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *unlessHeld) Write(body []byte) (int, error) {
	if !w.wroteHeader {
		w.WriteHeader(http.StatusOK)
	}
	if w.isNotModified {
		return len(body), nil
	}
	return w.ResponseWriter.Write(body)
}

func holds(header, tag string) bool {
	if tag == "" {
		return false
	}
	for _, held := range strings.Split(header, ",") {
		if held = strings.TrimSpace(held); held == "*" || bareTag(held) == bareTag(tag) {
			return true
		}
	}
	return false
}

func bareTag(tag string) string {
	return strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
}

// withVersion puts the version of If-Match into the change, whose service compares it under its lock.
func withVersion(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	wanted := callOf(ctx).ifMatch
	if version := versionOf(request); wanted != 0 && version != nil {
		if *version != 0 && *version != wanted {
			return rest.Invalid("If-Match", "If-Match and the version of the request differ: send one of them.").Err()
		}
		*version = wanted
	}
	return invoke(ctx, method, request, reply, conn, options...)
}

func versionOf(request any) *int32 {
	switch change := request.(type) {
	case *userv1.UpdateUserRequest:
		return &change.User.Version
	case *userv1.ReplaceUserRequest:
		return &change.User.Version
	case *userv1.DeleteUserRequest:
		return &change.Version
	case *userv1.RestoreUserRequest:
		return &change.Version
	default:
		return nil
	}
}
