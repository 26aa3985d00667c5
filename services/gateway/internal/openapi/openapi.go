// Package openapi serves the description of the REST API, as a document and as a page to try it on.
package openapi

import (
	"bytes"
	"embed"
	"net/http"
	"time"

	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"
)

//go:embed generated/openapi.swagger.json
var document []byte

//go:embed page
var page embed.FS

// ServeDocument answers with the OpenAPI document.
func ServeDocument(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(document))
}

// Page is Swagger UI at a path, its index, and below. All its files come from here: nothing is fetched from elsewhere.
// What is no file of it is left to missing.
func Page(path string, missing http.HandlerFunc) http.Handler {
	files := http.NewServeMux()
	files.Handle("GET "+path+"/", http.StripPrefix(path+"/", statigz.FileServer(static.FS, statigz.OnNotFound(missing))))
	for name, file := range map[string]string{"": "page/index.html", "/{$}": "page/index.html", "/initializer.js": "page/initializer.js"} {
		files.HandleFunc("GET "+path+name, func(w http.ResponseWriter, r *http.Request) { http.ServeFileFS(w, r, page, file) })
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Swagger UI sets styles from its script and shows icons as data URLs.
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'")
		files.ServeHTTP(w, r)
	})
}
