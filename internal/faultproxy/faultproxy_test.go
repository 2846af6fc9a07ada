package faultproxy_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/faultproxy"
)

const patience = 20 * time.Second

// echo is a server that sends back what it gets, and ends when its client does.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				// How it ends is the proxy's doing.
				_, _ = io.Copy(conn, conn)
			})
		}
	})
	// After the proxy's own end, which closes the connections.
	t.Cleanup(func() { listener.Close(); running.Wait() })
	return listener.Addr().String()
}

// client is a connection, or why there is none.
type client struct {
	net.Conn
	in  *bufio.Reader
	err error
}

func dial(t *testing.T, p *faultproxy.Proxy) client {
	t.Helper()
	conn, err := net.DialTimeout("tcp", p.Addr, patience)
	if err != nil {
		return client{err: err}
	}
	t.Cleanup(func() { conn.Close() })
	return client{Conn: conn, in: bufio.NewReader(conn)}
}

// ask sends a line and waits for the answer, which is "" if it ends without one.
func (c client) ask(t *testing.T, within time.Duration) (string, error) {
	t.Helper()
	if c.err != nil {
		return "", c.err
	}
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("hello\n")); err != nil {
		return "", err
	}
	return c.in.ReadString('\n')
}

func TestAPerfectNetworkCarriesEverything(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	if answer, err := dial(t, p).ask(t, patience); answer != "hello\n" {
		t.Errorf("%q %v", answer, err)
	}
}

func TestACutClosesConnectionsAndRefusesNewOnes(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	before := dial(t, p)
	if answer, err := before.ask(t, patience); answer != "hello\n" {
		t.Fatalf("%q %v", answer, err)
	}
	p.Cut()
	for name, c := range map[string]client{"an old connection": before, "a new connection": dial(t, p)} {
		if answer, err := c.ask(t, patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s answers %q %v after the cut", name, answer, err)
		}
	}
	p.Restore()
	if answer, err := dial(t, p).ask(t, patience); answer != "hello\n" {
		t.Errorf("restored: %q %v", answer, err)
	}
}

func TestABlackHoleAcceptsAndNeverAnswers(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	before := dial(t, p)
	p.Blackhole()
	for name, c := range map[string]client{"an old connection": before, "a new connection": dial(t, p)} {
		if answer, err := c.ask(t, 100*time.Millisecond); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s answers %q %v in a black hole", name, answer, err)
		}
	}
	p.Restore()
	if answer, err := dial(t, p).ask(t, patience); answer != "hello\n" {
		t.Errorf("restored: %q %v", answer, err)
	}
}

func TestADelayHoldsBackBothWays(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	c := dial(t, p)
	const delay = 100 * time.Millisecond
	p.Delay(delay)
	began := time.Now()
	if answer, err := c.ask(t, patience); answer != "hello\n" {
		t.Errorf("%q %v", answer, err)
	}
	if took := time.Since(began); took < 2*delay {
		t.Errorf("it took %v, want %v for each way", took, delay)
	}
}

func TestAHalfCloseEndsOneDirectionOnly(t *testing.T) {
	p := faultproxy.New(t, echo(t))
	c := dial(t, p)
	if answer, err := c.ask(t, patience); answer != "hello\n" {
		t.Fatalf("%q %v", answer, err)
	}
	p.HalfClose()
	if answer, err := c.ask(t, patience); !errors.Is(err, io.EOF) {
		t.Errorf("%q %v, want the end of what the server says and none of what the client says", answer, err)
	}
	if answer, err := dial(t, p).ask(t, patience); answer != "hello\n" {
		t.Errorf("a new connection: %q %v", answer, err)
	}
}

func TestAnEndedServerIsAnEndedConnection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	p := faultproxy.New(t, listener.Addr().String())
	if answer, err := dial(t, p).ask(t, patience); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%q %v where nobody listens", answer, err)
	}
}
