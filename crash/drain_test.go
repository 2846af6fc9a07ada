package crash_test

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// patience is how long a step may take on a busy machine.
const patience = 20 * time.Second

func TestAnOrderlyEndFinishesWhatWasBegun(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "LATCHKEY_LIMITS_SHUTDOWN_DELAY=3s")
	form := url.Values{
		"grant_type": {"password"}, "client_id": {"web"}, "client_secret": {webSecret}, "username": {"ada@example.com"}, "password": {password},
		"scope": {"openid"},
	}.Encode()
	grant := w.connect(t)
	grant.send(t, fmt.Sprintf("POST /oauth/token HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
		"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", w.address(), len(form)))
	if line := grant.line(t); !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		t.Fatalf("the product answers %q before it reads the request's body", line)
	}
	grant.line(t) // the empty line that ends it
	grant.send(t, form[:len(form)/2])

	if err := syscall.Kill(w.Pid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	// A load balancer asks over and over, and what it sends until it is told to stop is served.
	blackbox.Eventually(t, patience, "/readyz answers 503", func() bool {
		return w.Do(t, http.MethodGet, "/readyz", "", "", nil).Status == http.StatusServiceUnavailable
	})
	if late := w.Do(t, http.MethodGet, "/.well-known/openid-configuration", "", "", nil); late.Status != http.StatusOK {
		t.Errorf("a request before the load balancer looked away answers %d, want 200", late.Status)
	}
	blackbox.Eventually(t, patience, "new connections are refused", func() bool { return w.refuses(t) })
	if !w.Alive() {
		t.Fatal("it ended before it finished what was begun")
	}
	grant.send(t, form[len(form)/2:])
	if answer := grant.answer(t); answer.StatusCode != http.StatusOK {
		t.Errorf("the password grant answers %d, want 200", answer.StatusCode)
	}
	blackbox.Eventually(t, patience, "the process ends", func() bool { return !w.Alive() })
	if code := w.ExitCode(); code != 0 {
		t.Errorf("the process ended with %d, want 0", code)
	}
	if grants := w.query(t, "SELECT id FROM grants"); len(grants) != 1 {
		t.Errorf("%d grants are stored, want that of the last request", len(grants))
	}
}

// wire is a connection that is written to piece by piece.
type wire struct {
	net.Conn
	in *bufio.Reader
}

func (w *world) address() string { return strings.TrimPrefix(w.BaseURL, "http://") }

func (w *world) connect(t *testing.T) wire {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", w.address())
	if err != nil {
		t.Fatal(err)
	}
	// The product may have closed it before.
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(2 * patience)); err != nil {
		t.Fatal(err)
	}
	return wire{conn, bufio.NewReader(conn)}
}

// refuses tells whether nobody listens any more.
func (w *world) refuses(t *testing.T) bool {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", w.address())
	if err == nil {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		return false
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Fatal(err)
	}
	return true
}

func (c wire) send(t *testing.T, text string) {
	t.Helper()
	if _, err := c.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
}

func (c wire) line(t *testing.T) string {
	t.Helper()
	line, err := c.in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

func (c wire) answer(t *testing.T) *http.Response {
	t.Helper()
	response, err := http.ReadResponse(c.in, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}
