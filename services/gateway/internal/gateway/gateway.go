// Package gateway serves the public REST API: the generated grpc-gateway behind limits, checks and headers.
package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/protobuf/reflect/protoreflect"

	notifierv1 "heyday/gateway/gen/heyday/notifier/v1"
	schedulerv1 "heyday/gateway/gen/heyday/scheduler/v1"
	userv1 "heyday/gateway/gen/heyday/user/v1"
	"heyday/gateway/internal/identity"
	"heyday/gateway/internal/limit"
	"heyday/gateway/internal/rest"
)

// Gateway is all that one replica holds.
type Gateway struct {
	settings Settings
	log      *slog.Logger
	metrics  *metrics
	health   *health
	// transport is how the services are connected to.
	transport credentials.TransportCredentials
	forget    context.CancelFunc // ends what keeps the callers' keys up to date
	public    http.Handler
	internal  http.Handler
}

// service is one gRPC service that has public calls.
type service struct {
	name, target string
	file         protoreflect.FileDescriptor
	register     func(context.Context, *runtime.ServeMux, *grpc.ClientConn) error
}

func services(settings Settings) []service {
	return []service{
		{"user-service", settings.UserServiceTarget, userv1.File_heyday_user_v1_user_service_proto, userv1.RegisterUserServiceHandler},
		{"scheduler-service", settings.SchedulerServiceTarget, schedulerv1.File_heyday_scheduler_v1_scheduler_service_proto,
			schedulerv1.RegisterSchedulerServiceHandler},
		{"notifier-service", settings.NotifierServiceTarget, notifierv1.File_heyday_notifier_v1_notifier_service_proto,
			notifierv1.RegisterNotifierServiceHandler},
	}
}

// New builds a gateway. It opens no port and waits for no service, but a little for the keys of an issuer of tokens.
func New(settings Settings, version string, log *slog.Logger) (*Gateway, error) {
	g := &Gateway{settings: settings, log: log, metrics: newMetrics(version)}
	g.health = &health{metrics: g.metrics, version: version, started: time.Now()}
	ctx, forget := context.WithCancel(context.Background())
	g.forget = forget
	mux := newMux()
	transport, err := settings.TLS.transport(log)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	g.transport = transport
	routes, err := g.connect(mux)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	callers, err := identity.New(ctx, settings.Identity, log)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	calls := &api{settings: settings, routes: routes, identity: callers, rate: limit.NewRate(settings.ratesPerMinute(), time.Now), metrics: g.metrics}
	g.public = g.publicHandler(calls, mux)
	g.internal = g.internalHandler()
	return g, nil
}

// connect prepares the connections to all services, and makes the public calls known to mux.
func (g *Gateway) connect(mux *runtime.ServeMux) (rest.Routes, error) {
	var routes rest.Routes
	for _, service := range services(g.settings) {
		found, err := rest.Of(service.file)
		if err != nil {
			return nil, err
		}
		routes = append(routes, found...)
		backend, err := g.dial(service.name, service.target, found, withVersion)
		if err != nil {
			return nil, err
		}
		if err := service.register(context.Background(), mux, backend.conn); err != nil {
			return nil, err
		}
	}
	// No call of the API goes there; it is asked how it is.
	_, err := g.dial("dispatcher-service", g.settings.DispatcherServiceTarget, nil)
	return routes, err
}

func (g *Gateway) dial(name, target string, routes rest.Routes, interceptors ...grpc.UnaryClientInterceptor) (*backend, error) {
	backend, err := dial(name, target, g.transport, routes, append(interceptors, timed(g.metrics))...)
	if err == nil {
		g.health.backends = append(g.health.backends, backend)
	}
	return backend, err
}

// Close ends the connections to the services.
func (g *Gateway) Close() error {
	g.forget()
	var failed []error
	for _, backend := range g.health.backends {
		failed = append(failed, backend.conn.Close())
	}
	return errors.Join(failed...)
}

func (g *Gateway) publicHandler(calls *api, mux http.Handler) http.Handler {
	inner := headersWithin(g.settings.MaxHeaderBytes, shared(g.settings.CORSAllowedOrigins, compressed(g.publicPaths(calls, mux))))
	return identified(observed(secured(inner, g.settings.isStrict()), g.metrics, g.log))
}

func (g *Gateway) internalHandler() http.Handler {
	paths := http.NewServeMux()
	paths.HandleFunc("GET /health/live", g.health.serveLive)
	paths.HandleFunc("GET /health/ready", g.health.serveReady)
	paths.HandleFunc("GET /health/detailed", g.health.serveDetailed)
	paths.Handle("GET /metrics", promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{}))
	return paths
}
