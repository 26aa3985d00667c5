package gateway

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc/status"
)

// metrics is every metric of the gateway.
type metrics struct {
	registry           *prometheus.Registry
	requests           *prometheus.HistogramVec
	inFlight           prometheus.Gauge
	limited            *prometheus.CounterVec
	refused            *prometheus.CounterVec
	connectionsRefused prometheus.Counter
	backendCalls       *prometheus.HistogramVec
	backendUp          *prometheus.GaugeVec
}

var durations = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}

func newMetrics(version string) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gateway_http_request_duration_seconds", Buckets: durations,
			Help: "Time to answer a request, by path template, method and HTTP status. The template of what is no API call is empty.",
		}, []string{"route", "method", "status"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "gateway_http_requests_in_flight", Help: "Requests being answered.",
		}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_rate_limited_total", Help: "Requests refused because their client used up its limit, by class of call.",
		}, []string{"class"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gateway_callers_refused_total", Help: "Requests refused because of who sent them, or because that was not shown, by reason.",
		}, []string{"reason"}),
		connectionsRefused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gateway_connections_refused_total", Help: "Connections closed because their client had too many open.",
		}),
		backendCalls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "gateway_backend_call_duration_seconds", Buckets: durations, Help: "Time of a call to a service, retries included, by RPC and gRPC status.",
		}, []string{"rpc", "code"}),
		backendUp: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "gateway_backend_up", Help: "1 while a service answers that it is ready, else 0.",
		}, []string{"backend"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "gateway_build_info", Help: "Always 1; the version is its label.", ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.inFlight, m.limited, m.refused, m.connectionsRefused, m.backendCalls, m.backendUp, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) request(route, method string, httpStatus int, took time.Duration) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(httpStatus)).Observe(took.Seconds())
}

func (m *metrics) backendCall(rpc string, err error, took time.Duration) {
	m.backendCalls.WithLabelValues(rpc, status.Code(err).String()).Observe(took.Seconds())
}
