package gateway

import (
	"context"
	"net"
	"slices"
	"time"

	"google.golang.org/grpc/resolver"
)

const (
	lookUpEvery   = 2 * time.Second
	lookUpTimeout = 2 * time.Second
)

// names resolves "dns:///HOST:PORT" by looking the host up again and again. gRPC's own does so only when a connection has ended, and waits
// longer after each failure, up to two minutes: new replicas would be found late, and a service that was away later than it is back.
type names struct {
	lookUp func(ctx context.Context, host string) ([]string, error)
	every  time.Duration
}

func (names) Scheme() string { return "dns" }

func (n names) Build(target resolver.Target, conn resolver.ClientConn, _ resolver.BuildOptions) (resolver.Resolver, error) {
	host, port, err := net.SplitHostPort(target.Endpoint())
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	go n.follow(ctx, host, port, conn)
	return following{stop}, nil
}

// follow tells the connection of each change. A failure does not take away what is known: those replicas may well be alive.
func (n names) follow(ctx context.Context, host, port string, conn resolver.ClientConn) {
	ticker := time.NewTicker(n.every)
	defer ticker.Stop()
	var known []string
	for {
		found, err := n.ask(ctx, host)
		if err != nil && known == nil && ctx.Err() == nil {
			conn.ReportError(err)
		}
		if err == nil && !slices.Equal(found, known) && conn.UpdateState(stateOf(found, port)) == nil {
			known = found
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (n names) ask(ctx context.Context, host string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	found, err := n.lookUp(ctx, host)
	slices.Sort(found)
	return found, err
}

func stateOf(hosts []string, port string) resolver.State {
	var state resolver.State
	for _, host := range hosts {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: net.JoinHostPort(host, port)})
	}
	return state
}

// following looks up of its own accord, whether asked to or not.
type following struct {
	stop context.CancelFunc
}

func (following) ResolveNow(resolver.ResolveNowOptions) {}
func (f following) Close()                              { f.stop() }
