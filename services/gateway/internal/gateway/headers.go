package gateway

import (
	"net/http"

	"github.com/klauspost/compress/gzhttp"
	"github.com/rs/cors"

	"heyday/gateway/internal/identity"
)

// transportSecurity makes a browser that has once come by HTTPS come by nothing else for a year.
const transportSecurity = "max-age=31536000; includeSubDomains"

// secured sets the headers that keep a browser from doing more with an answer than show its JSON. With httpsOnly they also keep
// it off plain HTTP: the gateway is served over HTTPS there, by what stands in front of it.
func secured(next http.Handler, httpsOnly bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("X-Frame-Options", "DENY")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		header.Set("Cross-Origin-Resource-Policy", "same-origin")
		header.Set("Cache-Control", "private, no-cache") // a browser asks again, with If-None-Match
		if httpsOnly {
			header.Set("Strict-Transport-Security", transportSecurity)
		}
		next.ServeHTTP(w, r)
	})
}

// shared lets pages of the given origins call the API; without any, none.
func shared(origins []string, next http.Handler) http.Handler {
	if len(origins) == 0 {
		return next
	}
	return cors.New(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete},
		AllowedHeaders: []string{"Content-Type", "Authorization", identity.KeyHeader, idempotencyHeader, "If-Match", "If-None-Match", requestIDHeader, "Traceparent"},
		ExposedHeaders: []string{"ETag", "Retry-After", "WWW-Authenticate", requestIDHeader},
		MaxAge:         600,
	}).Handler(next)
}

// compressed answers with gzip where the caller takes it and the answer is worth it.
func compressed(next http.Handler) http.Handler {
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(1024))
	if err != nil { // the options are constants
		panic(err)
	}
	return wrap(next)
}
