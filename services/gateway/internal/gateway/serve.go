package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"heyday/gateway/internal/limit"
)

// answerTime is what a connection gets beyond a call's deadline to take its answer.
const answerTime = 5 * time.Second

// Run serves both ports until the context ends, then finishes what is in flight and returns.
func (g *Gateway) Run(ctx context.Context) error {
	public, err := net.Listen("tcp", g.settings.HTTPAddress)
	if err != nil {
		return fmt.Errorf("HTTP_ADDRESS: %w", err)
	}
	internal, err := net.Listen("tcp", g.settings.InternalAddress)
	if err != nil {
		return errors.Join(fmt.Errorf("INTERNAL_ADDRESS: %w", err), public.Close())
	}
	return g.serve(ctx, public, internal)
}

func (g *Gateway) serve(ctx context.Context, public, internal net.Listener) error {
	watching, stopWatching := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWatching()
	go g.health.watch(watching)

	refused := g.metrics.connectionsRefused.Inc
	public = limit.Connections(public, g.settings.MaxConnectionsPerClient, g.settings.TrustedProxies, refused)
	servers := []*http.Server{g.server(g.public), g.server(g.internal)}
	failed := make(chan error, len(servers))
	for i, listener := range []net.Listener{public, internal} {
		go func() { failed <- servers[i].Serve(listener) }()
	}
	g.log.InfoContext(ctx, "gateway.serving", "http_address", public.Addr().String(), "internal_address", internal.Addr().String())
	select {
	case err := <-failed:
		return errors.Join(err, g.Close())
	case <-ctx.Done():
		return g.stop(servers)
	}
}

func (g *Gateway) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: g.settings.ReadTimeout / 3,
		ReadTimeout:       g.settings.ReadTimeout,
		WriteTimeout:      g.settings.ReadTimeout + g.settings.RequestTimeout + answerTime,
		IdleTimeout:       g.settings.IdleTimeout,
		MaxHeaderBytes:    4 * g.settings.MaxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(g.log.Handler(), slog.LevelDebug), // broken connections are the clients' affair
	}
}

// stop turns unready first, so that load balancers send nothing more, and lets go of the services last.
func (g *Gateway) stop(servers []*http.Server) error {
	g.log.Info("gateway.stopping")
	g.health.draining.Store(true)
	time.Sleep(g.settings.ShutdownDelay)
	grace, cancel := context.WithTimeout(context.Background(), g.settings.ShutdownGrace)
	defer cancel()
	var failed []error
	for _, server := range servers {
		failed = append(failed, server.Shutdown(grace))
	}
	return errors.Join(append(failed, g.Close())...)
}
