// Package faultproxy is a TCP proxy for tests that makes a network fail, such as that between a product and its database: it
// cuts, delays, swallows or half-closes what passes, until it is told to behave again.
package faultproxy

import (
	"net"
	"sync"
	"testing"
	"time"
)

// Proxy stands between clients and one server. It begins as a perfect network.
type Proxy struct {
	// Addr is where clients connect to, host:port.
	Addr    string
	server  string
	mu      sync.Mutex
	changed chan struct{} // closed when the state below changes
	refuse  bool
	swallow bool
	delay   time.Duration
	pairs   map[*pair]bool
}

// pair is a client's connection and the one to the server on its behalf.
type pair struct{ client, server *net.TCPConn }

// New starts a proxy to a server (host:port). It ends with the test, and so do its connections.
func New(t testing.TB, server string) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Addr: listener.Addr().String(), server: server, changed: make(chan struct{}), pairs: map[*pair]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { p.carry(&pair{client: client.(*net.TCPConn)}) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		p.Cut()
		running.Wait()
	})
	return p
}

// Cut closes all connections and refuses new ones.
func (p *Proxy) Cut() { p.set(true, false, 0, func(pr *pair) { pr.close() }) }

// Blackhole lets connections be made and stay, and swallows everything that is sent over them, either way.
func (p *Proxy) Blackhole() { p.set(false, true, 0, func(*pair) {}) }

// Delay holds back everything that is sent, either way, for d, and swallows nothing.
func (p *Proxy) Delay(d time.Duration) { p.set(false, false, d, func(*pair) {}) }

// HalfClose tells the clients of all connections that the server has finished; the other direction stays open.
func (p *Proxy) HalfClose() {
	// A client that has gone needs no telling.
	p.set(false, false, 0, func(pr *pair) { _ = pr.client.CloseWrite() })
}

// Restore makes the network perfect. Connections that may have lost something are closed, as their ends would wait for it.
func (p *Proxy) Restore() { p.set(false, false, 0, func(pr *pair) { pr.close() }) }

func (p *Proxy) set(refuse, swallow bool, delay time.Duration, each func(*pair)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse, p.swallow, p.delay = refuse, swallow, delay
	close(p.changed)
	p.changed = make(chan struct{})
	for pr := range p.pairs {
		each(pr)
	}
}

// close ends both connections, by a reset; what is closed already stays so.
func (pr *pair) close() {
	for _, conn := range []*net.TCPConn{pr.client, pr.server} {
		if conn != nil {
			_ = conn.SetLinger(0)
			_ = conn.Close()
		}
	}
}

func (p *Proxy) carry(pr *pair) {
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.pairs, pr)
		pr.close()
	}()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	p.mu.Lock()
	pr.server = server.(*net.TCPConn)
	p.pairs[pr] = true
	refused := p.refuse
	p.mu.Unlock()
	if refused {
		return
	}
	var back sync.WaitGroup
	back.Go(func() { p.pass(pr.client, pr.server) })
	p.pass(pr.server, pr.client)
	back.Wait()
}

// pass copies one direction until either end closes.
func (p *Proxy) pass(to, from *net.TCPConn) {
	// Whoever waits for more learns that there is none.
	defer func() { _ = to.CloseWrite() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.swallows() {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// swallows waits as long as sending takes now, or until that changes, and tells whether what was sent is lost.
func (p *Proxy) swallows() bool {
	p.mu.Lock()
	changed, delay, swallow := p.changed, p.delay, p.swallow
	p.mu.Unlock()
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-changed:
		}
	}
	return swallow
}
