package gateway

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/resolver"
)

// followed hands on what a resolver tells its connection.
type followed struct {
	resolver.ClientConn
	states chan []string
	errors chan error
}

func (f followed) UpdateState(state resolver.State) error {
	var addresses []string
	for _, address := range state.Addresses {
		addresses = append(addresses, address.Addr)
	}
	f.states <- addresses
	return nil
}

func (f followed) ReportError(err error) { f.errors <- err }

func TestNamesAreLookedUpAgainAfterFailuresAndChanges(t *testing.T) {
	answers := make(chan []string)
	lookUp := func(context.Context, string) ([]string, error) {
		found := <-answers
		if found == nil {
			return nil, errors.New("no such host")
		}
		return found, nil
	}
	conn := followed{states: make(chan []string, 1), errors: make(chan error, 1)}
	target := resolver.Target{URL: url.URL{Scheme: "dns", Path: "/user-service:50051"}}
	built, err := names{lookUp, time.Millisecond}.Build(target, conn, resolver.BuildOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer close(answers)
	defer built.Close()

	answers <- nil
	<-conn.errors
	expect := func(addresses ...string) {
		t.Helper()
		if got := <-conn.states; !slices.Equal(got, addresses) {
			t.Fatalf("told %v instead of %v", got, addresses)
		}
	}
	answers <- []string{"10.0.0.2", "10.0.0.1"}
	expect("10.0.0.1:50051", "10.0.0.2:50051")
	answers <- []string{"10.0.0.1", "10.0.0.2"} // no change, nothing told
	answers <- nil                              // what is known stays
	answers <- []string{"10.0.0.3"}
	expect("10.0.0.3:50051")
}

func TestATargetWithoutPortIsRefused(t *testing.T) {
	target := resolver.Target{URL: url.URL{Scheme: "dns", Path: "/user-service"}}
	if _, err := (names{}).Build(target, followed{}, resolver.BuildOptions{}); err == nil {
		t.Fatal("taken")
	}
}
