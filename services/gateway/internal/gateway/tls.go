package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync/atomic"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// TLSFiles names a certificate, its key, and the authority that vouches for the services; all empty means no TLS.
type TLSFiles struct {
	Certificate, Key, Authority string
}

func (f TLSFiles) on() bool { return f != TLSFiles{} }

// config reads the files.
func (f TLSFiles) config() (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return nil, err
	}
	authority, err := os.ReadFile(f.Authority)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, fmt.Errorf("%s holds no certificate", f.Authority)
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: roots, MinVersion: tls.VersionTLS12}, nil
}

// checkTLS finds what is wrong with the settings of TLS together.
func checkTLS(settings Settings) error {
	const names = "GRPC_TLS_CERTIFICATE_FILE, GRPC_TLS_KEY_FILE, GRPC_TLS_CA_FILE: "
	files := settings.TLS
	switch {
	case !files.on() && settings.isStrict():
		return fmt.Errorf(names+"in %s the services are spoken to with TLS only: set all three", settings.Environment)
	case !files.on():
		return nil
	case files.Certificate == "" || files.Key == "" || files.Authority == "":
		return errors.New(names + "set all three or none")
	}
	if _, err := files.config(); err != nil {
		return fmt.Errorf(names+"%w", err)
	}
	return nil
}

// transport is how the services are connected to.
func (f TLSFiles) transport(log *slog.Logger) (credentials.TransportCredentials, error) {
	if !f.on() {
		return insecure.NewCredentials(), nil
	}
	config, err := f.config()
	if err != nil {
		return nil, err
	}
	r := &renewed{TransportCredentials: credentials.NewTLS(config), files: f, log: log}
	r.last.Store(config)
	return r, nil
}

// renewed reads the files again for each connection. Ones that do not fit are logged, and those before go on.
type renewed struct {
	credentials.TransportCredentials
	files TLSFiles
	log   *slog.Logger
	last  atomic.Pointer[tls.Config]
}

func (r *renewed) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if config, err := r.files.config(); err != nil {
		r.log.WarnContext(ctx, "grpc.tls_files_not_taken_up", "error", err.Error())
	} else {
		r.last.Store(config)
	}
	return credentials.NewTLS(r.last.Load()).ClientHandshake(ctx, authority, conn)
}

// Clone need not copy what nobody changes.
func (r *renewed) Clone() credentials.TransportCredentials { return r }
