package gateway

import (
	"net/url"
	"testing"

	"google.golang.org/grpc/resolver"
)

type noted struct {
	resolver.ClientConn
	state resolver.State
}

func (n *noted) UpdateState(state resolver.State) error {
	n.state = state
	return nil
}

func TestAFixedListOfAddressesIsResolvedToAllOfThem(t *testing.T) {
	var conn noted
	location, err := url.Parse("ipv4:127.0.0.1:5001,127.0.0.1:5002")
	if err != nil {
		t.Fatal(err)
	}
	target := resolver.Target{URL: *location}
	if _, err := (addresses{}).Build(target, &conn, resolver.BuildOptions{}); err != nil {
		t.Fatal(err)
	}
	if got := conn.state.Addresses; len(got) != 2 || got[0].Addr != "127.0.0.1:5001" || got[1].Addr != "127.0.0.1:5002" {
		t.Fatalf("resolved to %v", got)
	}
}
