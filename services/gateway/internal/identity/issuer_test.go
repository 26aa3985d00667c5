package identity

import (
	"crypto"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/MicahParks/jwkset"
)

// issuer publishes its keys, unless it is down.
type issuer struct {
	url string

	mutex     sync.Mutex
	published []jwkset.JWK
	down      bool
	asked     int
}

func startIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{}
	server := httptest.NewServer(http.HandlerFunc(i.serve))
	t.Cleanup(server.Close)
	i.url = server.URL
	return i
}

func (i *issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.asked++
	if i.down {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	storage := jwkset.NewMemoryStorage()
	_ = storage.KeyReplaceAll(r.Context(), slices.Clone(i.published))
	text, _ := storage.JSONPublic(r.Context())
	_, _ = w.Write(text)
}

func (i *issuer) isDown(down bool) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.down = down
}

func (i *issuer) timesAsked() int {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.asked
}

func (i *issuer) publish(t *testing.T, id string, use jwkset.USE, key crypto.Signer) {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key, jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{KID: id, USE: use}})
	if err != nil {
		t.Fatal(err)
	}
	i.mutex.Lock()
	defer i.mutex.Unlock()
	i.published = append(i.published, jwk)
}

func (i *issuer) settings() Settings {
	return Settings{JWKSURL: i.url, Issuer: "https://issuer.example.org", Audience: "heyday", RolesClaim: "roles"}
}
