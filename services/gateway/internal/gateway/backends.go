package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"

	"heyday/gateway/internal/rest"
)

// backend is one service behind the gateway.
type backend struct {
	name     string
	conn     *grpc.ClientConn
	isPublic bool // calls of the API go there
}

const maxAnswerBytes = 16 << 20 // a page of 1,000 users at their longest stays below

// reconnect is quicker than gRPC's own, which after an outage may wait for two minutes.
var reconnect = backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second}

// dial prepares a connection; it is made when the first call needs it.
func dial(name, target string, transport credentials.TransportCredentials, routes rest.Routes, interceptors ...grpc.UnaryClientInterceptor) (*backend, error) {
	conn, err := grpc.NewClient(target,
		grpc.WithTransportCredentials(transport),
		grpc.WithResolvers(addresses{}, names{net.DefaultResolver.LookupHost, lookUpEvery}),
		grpc.WithDefaultServiceConfig(serviceConfig(routes)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithConnectParams(grpc.ConnectParams{Backoff: reconnect, MinConnectTimeout: 2 * time.Second}),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxAnswerBytes)),
		grpc.WithChainUnaryInterceptor(interceptors...),
	)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return &backend{name: name, conn: conn, isPublic: len(routes) > 0}, nil
}

// serviceConfig spreads the calls over all addresses of a service, and repeats reads that found nobody.
func serviceConfig(routes rest.Routes) string {
	type name struct {
		Service string `json:"service"`
		Method  string `json:"method"`
	}
	var reads []name
	for _, route := range routes {
		if route.Method == http.MethodGet {
			service, method := route.Name()
			reads = append(reads, name{service, method})
		}
	}
	config, err := json.Marshal(map[string]any{
		"loadBalancingConfig": []any{map[string]any{"round_robin": struct{}{}}},
		"retryThrottling":     map[string]any{"maxTokens": 100, "tokenRatio": 0.1},
		"methodConfig": []any{map[string]any{
			"name": reads,
			"retryPolicy": map[string]any{
				"maxAttempts":          3,
				"initialBackoff":       "0.05s",
				"maxBackoff":           "0.5s",
				"backoffMultiplier":    2,
				"retryableStatusCodes": []string{"UNAVAILABLE"},
			},
		}},
	})
	if err != nil { // plain values always marshal
		panic(err)
	}
	return string(config)
}

// timed records how long each call took and how it ended.
func timed(metrics *metrics) grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		started := time.Now()
		err := invoke(ctx, method, request, reply, conn, options...)
		metrics.backendCall(method, err, time.Since(started))
		return err
	}
}
