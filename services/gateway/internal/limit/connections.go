package limit

import (
	"net"
	"sync"
)

// Listener closes at once the connections of a client that has too many open already.
type Listener struct {
	net.Listener
	perClient int
	exempt    Proxies
	refused   func()

	mutex sync.Mutex
	open  map[string]int
}

// Connections limits a listener's open connections per client address. Trusted proxies speak for many clients and are exempt.
// refused is called for each connection that is closed for this reason.
func Connections(listener net.Listener, perClient int, exempt Proxies, refused func()) *Listener {
	return &Listener{Listener: listener, perClient: perClient, exempt: exempt, refused: refused, open: map[string]int{}}
}

// Accept waits for the next connection within the limit.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := remoteAddress(conn.RemoteAddr().String())
		if l.exempt.contain(address) {
			return conn, nil
		}
		client := key(address)
		if l.enter(client) {
			return &countedConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(client) })}, nil
		}
		l.refused()
		_ = conn.Close()
	}
}

func (l *Listener) enter(client string) bool {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.open[client] >= l.perClient {
		return false
	}
	l.open[client]++
	return true
}

func (l *Listener) leave(client string) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.open[client]--; l.open[client] == 0 {
		delete(l.open, client)
	}
}

type countedConn struct {
	net.Conn
	leave func()
}

func (c *countedConn) Close() error {
	c.leave()
	return c.Conn.Close()
}
