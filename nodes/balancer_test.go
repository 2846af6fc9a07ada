package nodes_test

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// balancer sends every request to the next node that is in rotation, and to another one where nobody listens. Where a node
// goes while it has a request it answers 502, as nobody knows what became of that, and 503 where no node took the request.
type balancer struct {
	*httptest.Server

	mu    sync.Mutex
	addrs []string
	out   map[string]bool // not in rotation

	next      atomic.Uint64
	lost      atomic.Uint64 // requests that were answered 502 or 503
	transport *http.Transport
}

const lostStatus = http.StatusBadGateway

var errNobody = errors.New("no node listens")

func newBalancer(t testing.TB) *balancer {
	t.Helper()
	b := &balancer{out: map[string]bool{}}
	b.transport = &http.Transport{DialContext: b.dial, MaxIdleConnsPerHost: 128}
	proxy := &httputil.ReverseProxy{
		Transport: b.transport, ErrorLog: log.New(io.Discard, "", 0),
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", b.pick()
			r.Out.Host = r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			b.lost.Add(1)
			if errors.Is(err, errNobody) {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.WriteHeader(lostStatus)
		},
	}
	b.Server = httptest.NewServer(proxy)
	t.Cleanup(func() { b.Close(); b.transport.CloseIdleConnections() })
	return b
}

// pick is the address of the next node in rotation.
func (b *balancer) pick() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := int(b.next.Add(1))
	for i := range b.addrs {
		if addr := b.addrs[(n+i)%len(b.addrs)]; !b.out[addr] {
			return addr
		}
	}
	return b.addrs[n%len(b.addrs)]
}

// dial connects to the node, or to another one: nothing was sent yet.
func (b *balancer) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, network, addr)
	if err == nil {
		return conn, nil
	}
	b.mu.Lock()
	addrs := append([]string(nil), b.addrs...)
	b.mu.Unlock()
	for _, other := range addrs {
		if other == addr {
			continue
		}
		if conn, otherErr := dialer.DialContext(ctx, network, other); otherErr == nil {
			return conn, nil
		}
	}
	return nil, errors.Join(errNobody, err)
}

func (b *balancer) serve(nodes ...*blackbox.Server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, node := range nodes {
		b.addrs = append(b.addrs, strings.TrimPrefix(node.BaseURL, "http://"))
	}
}

// watch takes nodes out of rotation whose /readyz says no, until ctx ends.
func (b *balancer) watch(ctx context.Context) {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		b.mu.Lock()
		addrs := append([]string(nil), b.addrs...)
		b.mu.Unlock()
		for _, addr := range addrs {
			ready := false
			if response, err := client.Get("http://" + addr + "/readyz"); err == nil {
				ready = response.StatusCode == http.StatusOK && response.Body.Close() == nil
			}
			b.mu.Lock()
			b.out[addr] = !ready
			b.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
