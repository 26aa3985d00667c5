package gateway

import (
	"net/http"
	"path"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"heyday/gateway/internal/openapi"
)

const docsPath = "/docs"

// publicPaths sends a request to where it is answered. It is no http.ServeMux, which redirects "//x" and "/x/../y", in HTML.
func (g *Gateway) publicPaths(calls *api, mux http.Handler) http.Handler {
	files := map[string]http.Handler{
		"/health":       http.HandlerFunc(g.health.serveReady),
		"/health/live":  http.HandlerFunc(g.health.serveLive),
		"/health/ready": http.HandlerFunc(g.health.serveReady),
		"/openapi.json": calls.limited(http.HandlerFunc(openapi.ServeDocument)),
	}
	docs := calls.limited(openapi.Page(docsPath, writeNothingHere))
	wrongMethod := calls.limited(http.HandlerFunc(writeReadOnly))
	rpcs := calls.handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, isFile := files[r.URL.Path]
		if !isFile && g.settings.DocsEnabled && isDocs(r.URL.Path) {
			file, isFile = docs, true
		}
		switch {
		case !isFile:
			rpcs.ServeHTTP(w, r)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			wrongMethod.ServeHTTP(w, r)
		default:
			file.ServeHTTP(w, r)
		}
	})
}

func isDocs(asked string) bool {
	return asked == docsPath || asked == docsPath+"/" || strings.HasPrefix(asked, docsPath+"/") && path.Clean(asked) == asked
}

func writeNothingHere(w http.ResponseWriter, _ *http.Request) {
	writeStatus(w, http.StatusNotFound, status.New(codes.NotFound, "There is nothing at this path; /openapi.json lists what there is."))
}

func writeReadOnly(w http.ResponseWriter, _ *http.Request) {
	writeWrongMethod(w, "GET, HEAD")
}

func writeWrongMethod(w http.ResponseWriter, allowed string) {
	w.Header().Set("Allow", allowed)
	writeStatus(w, http.StatusMethodNotAllowed, status.Newf(codes.Unimplemented, "This path does not take that method, but %s.", allowed))
}
