package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	userv1 "heyday/gateway/gen/heyday/user/v1"
)

// authority vouches for what is at 127.0.0.1; its folder holds all that it issued.
type authority struct {
	t           *testing.T
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, folder: t.TempDir()}
	a.key, a.certificate = a.make("ca", &x509.Certificate{IsCA: true, BasicConstraintsValid: true}, nil)
	return a
}

// settings are those of a process with a certificate of that name.
func (a *authority) settings(name string) []string {
	a.t.Helper()
	a.make(name, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}, a.certificate)
	return []string{"GRPC_TLS_CERTIFICATE_FILE=" + a.path(name+".crt"), "GRPC_TLS_KEY_FILE=" + a.path(name+".key"), "GRPC_TLS_CA_FILE=" + a.path("ca.crt")}
}

func (a *authority) path(file string) string { return filepath.Join(a.folder, file) }

// make writes a certificate and its key to files; without an issuer it vouches for itself.
func (a *authority) make(name string, template, issuer *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template.SerialNumber, template.Subject = big.NewInt(1), pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	signer := a.key
	if issuer == nil {
		issuer, signer = template, key
	}
	signed, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	a.write(name+".crt", "CERTIFICATE", signed)
	a.write(name+".key", "PRIVATE KEY", private)
	certificate, err := x509.ParseCertificate(signed)
	if err != nil {
		a.t.Fatal(err)
	}
	return key, certificate
}

func (a *authority) write(file, kind string, content []byte) {
	a.t.Helper()
	if err := os.WriteFile(a.path(file), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: content}), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// backends are services that let in only those this authority vouches for.
func (a *authority) backends() *backends {
	a.t.Helper()
	a.settings("services")
	config, err := TLSFiles{Certificate: a.path("services.crt"), Key: a.path("services.key"), Authority: a.path("ca.crt")}.config()
	if err != nil {
		a.t.Fatal(err)
	}
	config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, config.RootCAs
	services := startBackends(a.t, grpc.Creds(credentials.NewTLS(config)))
	services.answers(&userv1.User{}, nil)
	return services
}

// codeOfACall is 200 if a gateway by these settings and the services take each other for genuine. In between the files may change.
func codeOfACall(t *testing.T, services *backends, settings []string, change func()) int {
	t.Helper()
	server := httptest.NewServer(newGateway(t, services.target, append(settings, "REQUEST_TIMEOUT_SECONDS=3")...).public)
	defer server.Close()
	change()
	return (&client{t: t, url: server.URL}).do("GET", "/api/v1/users/1", "").code
}

func asTheyAre() {}

func TestTheGatewayAndTheServicesShowEachOtherWhoTheyAre(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	services, mine, theirs := ours.backends(), ours.settings("gateway"), others.settings("gateway")
	for name, given := range map[string]struct {
		settings []string
		code     int
	}{
		"certificates of one authority":         {mine, 200},
		"no TLS":                                {nil, 503},
		"a certificate of another authority":    {[]string{theirs[0], theirs[1], mine[2]}, 503},
		"services vouched for by somebody else": {[]string{mine[0], mine[1], theirs[2]}, 503},
	} {
		if code := codeOfACall(t, services, given.settings, asTheyAre); code != given.code {
			t.Errorf("%s: %d", name, code)
		}
	}
}

func TestRenewedCertificatesAreTakenUpByTheNextConnection(t *testing.T) {
	past, present := newAuthority(t), newAuthority(t)
	services, settings := present.backends(), past.settings("gateway")
	present.settings("gateway")
	if code := codeOfACall(t, services, settings, asTheyAre); code != 503 {
		t.Errorf("before: %d", code)
	}
	renew := func() {
		for _, file := range []string{"gateway.crt", "gateway.key", "ca.crt"} {
			if err := os.Rename(present.path(file), past.path(file)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if code := codeOfACall(t, services, settings, renew); code != 200 {
		t.Errorf("after: %d", code)
	}
}

func TestFilesThatDoNotFitTogetherAreLeft(t *testing.T) {
	ours := newAuthority(t)
	services, settings := ours.backends(), ours.settings("gateway")
	spoil := func() { ours.write("gateway.key", "PRIVATE KEY", nil) }
	if code := codeOfACall(t, services, settings, spoil); code != 200 {
		t.Errorf("%d", code)
	}
}
