package redis_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// proxy stands between a client and a server, so that a test can break or delay what passes.
type proxy struct {
	addr string

	mu      sync.Mutex
	request func(data []byte)      // sees what the client sends before the server does
	answer  func(data []byte) bool // false cuts the connection instead of passing the answer on
}

func newProxy(t testing.TB, server string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return proxyOn(t, l, server)
}

// proxyOn serves a listener, which it closes when the test ends.
func proxyOn(t testing.TB, l net.Listener, server string) *proxy {
	t.Helper()
	p := &proxy{addr: l.Addr().String()}
	var wait sync.WaitGroup
	t.Cleanup(func() {
		l.Close()
		wait.Wait()
	})
	wait.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			wait.Go(func() { p.serve(client, server) })
		}
	})
	return p
}

func (p *proxy) serve(client net.Conn, server string) {
	defer client.Close()
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return
	}
	defer upstream.Close()
	var wait sync.WaitGroup
	defer wait.Wait()
	wait.Go(func() {
		defer upstream.Close()
		pass(upstream, client, func(data []byte) bool {
			p.mu.Lock()
			see := p.request
			p.mu.Unlock()
			if see != nil {
				see(data)
			}
			return true
		})
	})
	defer client.Close()
	pass(client, upstream, func(data []byte) bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.answer == nil || p.answer(data)
	})
}

// pass copies until either end closes or see returns false.
func pass(to io.Writer, from io.Reader, see func([]byte) bool) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			if !see(buffer[:n]) {
				return
			}
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// cutAnswers loses the next n answers, with their connections. What was asked has been done then.
func (p *proxy) cutAnswers(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = func([]byte) bool {
		n--
		return n < 0
	}
}

// holdRequest stops the n-th request from now until go on is closed; reached is closed when it is there.
func (p *proxy) holdRequest(n int) (reached <-chan struct{}, goOn chan<- struct{}) {
	there, release := make(chan struct{}), make(chan struct{})
	var mu sync.Mutex
	p.mu.Lock()
	defer p.mu.Unlock()
	p.request = func([]byte) {
		mu.Lock()
		n--
		hold := n == 0
		mu.Unlock()
		if hold {
			close(there)
			<-release
		}
	}
	return there, release
}
