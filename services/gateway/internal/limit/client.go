// Package limit keeps one client from taking the place of the others.
package limit

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses whose X-Forwarded-For header is believed.
type Proxies []netip.Prefix

// Client is the address a request is counted under: the last in its chain that is not a trusted proxy.
//
// An IPv6 client is its /64, since a single machine commonly holds a whole one.
func (trusted Proxies) Client(r *http.Request) string {
	address := remoteAddress(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		if !trusted.contain(address) {
			break
		}
		before, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		address = before.Unmap()
	}
	return key(address)
}

func (trusted Proxies) contain(address netip.Addr) bool {
	return slices.ContainsFunc(trusted, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
}

func remoteAddress(hostPort string) netip.Addr {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	address, _ := netip.ParseAddr(host)
	return address.Unmap().WithZone("")
}

func key(address netip.Addr) string {
	if address.Is6() {
		prefix, _ := address.WithZone("").Prefix(64)
		return prefix.String()
	}
	return address.String()
}
