package gateway

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"heyday/gateway/internal/rest"
)

// checked refuses a request that does not fit its call, with all its mistakes.
func (a *api) checked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		route := callOf(r.Context()).route
		if mistake := checkAddress(r); mistake != nil {
			writeStatus(w, http.StatusBadRequest, mistake)
			return
		}
		body, ok := a.readBody(w, r)
		if !ok {
			return
		}
		query, inQuery := route.CheckQuery(r.URL.RawQuery)
		if mistake := cmp.Or(rest.Together(inQuery, route.CheckBody(body)), route.CheckChange(query, body)); mistake != nil {
			writeStatus(w, http.StatusBadRequest, mistake)
			return
		}
		r.URL.RawQuery = query
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
