package outbound_test

import (
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/strictjson"
	"github.com/latchkey-id/latchkey/outbound"
)

// loopback lets a client reach the servers of these tests, and nothing else that is private.
func loopback() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} }

func newClient(t testing.TB, o outbound.Options) *outbound.Client {
	t.Helper()
	c, err := outbound.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.HTTP().CloseIdleConnections)
	return c
}

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

func serveTLS(t testing.TB, handler http.HandlerFunc) (*httptest.Server, *x509.CertPool) {
	t.Helper()
	s := httptest.NewTLSServer(handler)
	t.Cleanup(s.Close)
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s, pool
}

func answer(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
}

func redirect(to string, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", to)
		w.WriteHeader(status)
	}
}

func TestGetJSONKeepsNumbers(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "application/json" || r.Header.Get("User-Agent") != "latchkey-test" || r.Header.Get("X-Key") != "k" {
			w.WriteHeader(http.StatusTeapot)
		}
		io.WriteString(w, `{"id":12345678901234567890,"Sub":1,"sub":2}`)
	})
	c := newClient(t, outbound.Options{AllowPrivate: loopback(), UserAgent: "latchkey-test"})
	got, err := c.GetJSON(t.Context(), s.URL, http.Header{"x-key": {"k"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"id": json.Number("12345678901234567890"), "Sub": json.Number("1"), "sub": json.Number("2")}
	if diff := cmp.Diff(any(want), got); diff != "" {
		t.Error(diff)
	}
}

func TestNobodyIsTwoPersonsInOneAnswer(t *testing.T) {
	s := serve(t, answer(`{"sub":"1","email":"a@example.test","sub":"2"}`))
	_, err := newClient(t, outbound.Options{AllowPrivate: loopback()}).GetJSON(t.Context(), s.URL+"?secret", nil)
	var problem *strictjson.Error
	if !errors.As(err, &problem) || strings.Contains(err.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestGetJSONLeavesTheCallersHeaderAlone(t *testing.T) {
	s := serve(t, answer(`{}`))
	header := http.Header{"X-Key": {"k"}}
	if _, err := newClient(t, outbound.Options{AllowPrivate: loopback()}).GetJSON(t.Context(), s.URL, header); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(http.Header{"X-Key": {"k"}}, header); diff != "" {
		t.Error(diff)
	}
}

func TestGetJSONHoldsTheDepth(t *testing.T) {
	for depth, fine := range map[int]bool{32: true, 33: false} {
		s := serve(t, answer(strings.Repeat("[", depth)+strings.Repeat("]", depth)))
		if _, err := newClient(t, outbound.Options{AllowPrivate: loopback()}).GetJSON(t.Context(), s.URL, nil); (err == nil) != fine {
			t.Errorf("%d levels: %v", depth, err)
		}
	}
}

func TestStatusErrorsTellWhatCameBackButNotWhatWasSent(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"error":"invalid_client"}`+strings.Repeat(" ", 8<<10))
	})
	c := newClient(t, outbound.Options{AllowPrivate: loopback()})
	address := strings.Replace(s.URL, "//", "//me:password@", 1) + "/token?client_secret=s3cret#fragment"
	_, err := c.GetJSON(t.Context(), address, http.Header{"Authorization": {"Basic s3cret"}})
	var status *outbound.StatusError
	if !errors.As(err, &status) {
		t.Fatal(err)
	}
	if status.Status != 401 || status.URL != s.URL+"/token" || len(status.Body) != 4<<10 || !strings.Contains(string(status.Body), "invalid_client") {
		t.Errorf("got %d, %s, %d bytes", status.Status, status.URL, len(status.Body))
	}
	if want := "GET " + s.URL + "/token answered 401"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
}

func TestErrorsHaveNoQuery(t *testing.T) {
	gone := serve(t, answer(""))
	gone.Close()
	broken := serve(t, redirect("https://a.test/%zz?code=s3cret", http.StatusFound))
	c := newClient(t, outbound.Options{AllowPrivate: loopback()})
	for _, address := range []string{
		gone.URL + "/x?code=s3cret", "http://user:s3cret@192.168.0.1/?code=s3cret", "ftp://a.test/?code=s3cret",
		"http://a.test/%zz?code=s3cret", broken.URL, "http://[::1/?code=s3cret",
	} {
		_, err := c.GetJSON(t.Context(), address, nil)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got %v", address, err)
		}
	}
}

func TestPrivateAddressesAreRefused(t *testing.T) {
	var reached atomic.Bool
	s := serve(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := newClient(t, outbound.Options{})
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254"} {
		if _, err := c.GetJSON(t.Context(), "http://"+host+":"+port, nil); !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%s: got %v", host, err)
		}
	}
	if _, err := c.HTTP().Get(s.URL); !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("HTTP(): got %v", err)
	}
	if reached.Load() {
		t.Error("a private server was reached")
	}
}

// nameServer answers every question with one address (RFC 1035 §4), over an in-memory stream.
func nameServer(address func() netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			for {
				var size [2]byte
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				question := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, question); err != nil {
					return
				}
				reply := dnsReply(question, address())
				if _, err := server.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

func dnsReply(question []byte, address netip.Addr) []byte {
	end := 12
	for question[end] != 0 {
		end += int(question[end]) + 1
	}
	end += 5 // the root label, type and class
	reply := append([]byte{}, question[:end]...)
	reply[2], reply[3] = 0x81, 0x80 // a recursive answer without error
	copy(reply[6:12], []byte{0, 0, 0, 0, 0, 0})
	if question[end-3] == 1 { // type A
		reply[7] = 1
		reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, address.AsSlice()...)
	}
	return reply
}

func TestNamesThatTurnPrivateAreRefused(t *testing.T) {
	var reached atomic.Bool
	s := serve(t, func(http.ResponseWriter, *http.Request) { reached.Store(true) })
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	address := netip.MustParseAddr("127.0.0.1")
	resolver := nameServer(func() netip.Addr { return address })
	if _, err := newClient(t, outbound.Options{AllowPrivate: loopback(), Resolver: resolver}).
		HTTP().Get("http://idp.example.test:" + port); err != nil || !reached.Load() {
		t.Fatalf("where it is allowed, the name leads to the server: %v", err)
	}
	reached.Store(false)
	for _, private := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1"} {
		address = netip.MustParseAddr(private)
		c := newClient(t, outbound.Options{Resolver: resolver})
		if _, err := c.GetJSON(t.Context(), "http://idp.example.test:"+port, nil); !errors.Is(err, outbound.ErrAddress) {
			t.Errorf("%s: got %v", private, err)
		}
	}
	if reached.Load() {
		t.Error("a private server was reached")
	}
}

func TestProxiesOfTheEnvironmentAreNotUsed(t *testing.T) {
	var proxied atomic.Bool
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { proxied.Store(true) })
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	resolver := nameServer(func() netip.Addr { return netip.MustParseAddr("10.0.0.1") })
	c := newClient(t, outbound.Options{AllowPrivate: loopback(), Resolver: resolver})
	if _, err := c.GetJSON(t.Context(), "http://idp.example.test/", nil); !errors.Is(err, outbound.ErrAddress) || proxied.Load() {
		t.Errorf("got %v, proxied %v", err, proxied.Load())
	}
}

func TestRedirects(t *testing.T) {
	goal := serve(t, answer(`{"ok":true}`))
	metadata := serve(t, redirect("http://169.254.169.254/latest/meta-data/", http.StatusFound))
	var count atomic.Int32
	hops := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if count.Add(-1) < 0 {
			io.WriteString(w, `{"ok":true}`)
			return
		}
		http.Redirect(w, r, "/again", http.StatusFound)
	})
	secure, pool := serveTLS(t, redirect(goal.URL, http.StatusFound))
	c := newClient(t, outbound.Options{AllowPrivate: loopback(), RootCAs: pool})

	if _, err := c.GetJSON(t.Context(), metadata.URL, nil); !errors.Is(err, outbound.ErrAddress) {
		t.Errorf("to a metadata service: %v", err)
	}
	if _, err := c.GetJSON(t.Context(), secure.URL, nil); !errors.Is(err, outbound.ErrRedirect) {
		t.Errorf("from https to http: %v", err)
	}
	count.Store(3)
	if _, err := c.GetJSON(t.Context(), hops.URL, nil); err != nil {
		t.Errorf("three: %v", err)
	}
	count.Store(4)
	if _, err := c.GetJSON(t.Context(), hops.URL, nil); !errors.Is(err, outbound.ErrRedirect) {
		t.Errorf("four: %v", err)
	}
}

func TestSecretsStayWithTheirHost(t *testing.T) {
	var seen http.Header
	other := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		io.WriteString(w, `{}`)
	})
	status := http.StatusFound
	var back string
	first := serve(t, func(w http.ResponseWriter, r *http.Request) {
		target := other.URL
		if r.URL.Path == "/here" {
			target = back
		}
		redirect(target, status)(w, r)
	})
	same := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = r.Header.Clone()
		if r.URL.Path == "/here" {
			redirect("/there", http.StatusFound)(w, r)
			return
		}
		io.WriteString(w, `{}`)
	})
	c := newClient(t, outbound.Options{AllowPrivate: loopback()})
	header := http.Header{"Authorization": {"Bearer s"}, "Cookie": {"a=b"}, "X-Api-Key": {"k"}, "Accept": {"text/json"}}
	if _, err := c.GetJSON(t.Context(), first.URL+"/?code=s", header); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(http.Header{"Accept": {"text/json"}, "Accept-Encoding": {"gzip"}, "User-Agent": {"latchkey"}}, seen); diff != "" {
		t.Error(diff)
	}
	if _, err := c.GetJSON(t.Context(), same.URL+"/here?code=s", header); err != nil {
		t.Fatal(err)
	}
	if seen.Get("Authorization") != "Bearer s" || seen.Get("Referer") != "" {
		t.Errorf("on the same host: %v", seen)
	}
	status = http.StatusTemporaryRedirect
	seen = nil
	if _, err := c.HTTP().PostForm(first.URL, url.Values{"client_secret": {"s"}}); !errors.Is(err, outbound.ErrRedirect) || seen != nil {
		t.Errorf("a form went to another host: %v", err)
	}
	// There and back again: whoever sits between chose the address, so the credentials stay away.
	detour := serve(t, func(w http.ResponseWriter, r *http.Request) { redirect(same.URL, http.StatusFound)(w, r) })
	status, back = http.StatusFound, detour.URL
	if _, err := c.GetJSON(t.Context(), first.URL+"/here", header); err != nil {
		t.Fatal(err)
	}
	if seen.Get("Authorization") != "" {
		t.Error("credentials came along on a detour")
	}
}

func TestAnswersAreCapped(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text := `"` + strings.Repeat("x", 98) + `"`
		switch r.URL.Path {
		case "/more":
			text += " "
		case "/zip":
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, strings.Repeat("x", 1<<20))
			z.Close()
			return
		case "/header":
			w.Header().Set("X-Large", strings.Repeat("x", 100<<10))
		}
		io.WriteString(w, text)
	})
	c := newClient(t, outbound.Options{AllowPrivate: loopback(), MaxBody: 100})
	if _, err := c.GetJSON(t.Context(), s.URL, nil); err != nil {
		t.Errorf("100 bytes of 100: %v", err)
	}
	for _, path := range []string{"/more", "/zip"} {
		if _, err := c.GetJSON(t.Context(), s.URL+path, nil); !errors.Is(err, outbound.ErrTooLarge) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	if _, err := c.GetJSON(t.Context(), s.URL+"/header", nil); err == nil {
		t.Error("endless headers are taken")
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/more", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.HTTP().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	for range 2 {
		if text, err := io.ReadAll(response.Body); !errors.Is(err, outbound.ErrTooLarge) || len(text) > 100 {
			t.Errorf("read %d bytes, %v", len(text), err)
		}
	}
}

func TestSlowServersAreLeft(t *testing.T) {
	stop := make(chan struct{})
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			io.WriteString(w, `{`)
			w.(http.Flusher).Flush()
		}
		<-stop
	})
	defer close(stop)
	c := newClient(t, outbound.Options{AllowPrivate: loopback(), Timeout: 50 * time.Millisecond})
	for _, path := range []string{"/", "/body"} {
		_, err := c.GetJSON(t.Context(), s.URL+path, nil)
		var slow interface{ Timeout() bool }
		if !errors.As(err, &slow) || !slow.Timeout() {
			t.Errorf("%s: got %v", path, err)
		}
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	for _, o := range []outbound.Options{
		{Timeout: -1},
		{MaxBody: -1},
		{Simulator: &url.URL{Scheme: "ftp", Host: "a.test"}},
		{Simulator: &url.URL{Scheme: "http"}},
		{Simulator: &url.URL{Scheme: "http", Host: "a.test", RawQuery: "x"}},
	} {
		if _, err := outbound.New(o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}
