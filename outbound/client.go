// Package outbound is the one HTTP client with which this server talks to the outside: identity providers, key sets,
// webhooks, and what scripts ask for. Addresses come from administrators, from discovery documents and from strangers'
// redirects, so the client decides where a connection may go at the last moment, when the name is resolved and the socket
// is about to open: a name that turns into a private address on the second look-up gets no connection either.
//
// In dev mode a simulator stands in for all providers: requests to https://HOST/PATH go to SIMULATOR/HOST/PATH, and
// Rewrite does the same for the addresses that browsers are sent to. Connectors don't notice.
//
// Answers are capped in time and size, and errors carry neither query strings nor headers nor bodies in their text,
// because those hold codes, secrets and tokens.
package outbound

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

const (
	defaultTimeout   = 10 * time.Second
	defaultMaxBody   = 1 << 20
	defaultUserAgent = "latchkey"
	maxHeaderBytes   = 64 << 10
	maxRedirects     = 3
)

var (
	// ErrAddress says that an address isn't public, and isn't allowed by name.
	ErrAddress = errors.New("address is not allowed: it is private, local or reserved")
	// ErrTooLarge says that an answer's body has more bytes than allowed.
	ErrTooLarge = errors.New("answer is too large")
	// ErrRedirect says that an answer points where this client doesn't follow.
	ErrRedirect = errors.New("redirect is not followed")
)

// Options configure a Client. The zero value reaches public addresses only.
type Options struct {
	// AllowPrivate are address ranges that may be reached although they aren't public.
	AllowPrivate []netip.Prefix
	// AllowAllPrivate allows every address but those of cloud metadata services, which AllowPrivate has to name.
	AllowAllPrivate bool
	// Simulator stands in for everything that is reached by https; nil without one.
	Simulator *url.URL
	// Timeout is for a whole request with its redirects and its body; 10 s if zero.
	Timeout time.Duration
	// MaxBody is the size in bytes of the largest body that is read, unpacked; 1 MB if zero.
	MaxBody   int64
	UserAgent string
	// RootCAs are the trusted authorities; nil means the system's.
	RootCAs *x509.CertPool
	// Resolver looks up names; nil means the system's.
	Resolver *net.Resolver
	// Around puts something around every single request, such as tracing; nil puts nothing. It sees the provider's address,
	// not the simulator's.
	Around func(http.RoundTripper) http.RoundTripper
}

// Client is the HTTP client. It is safe for concurrent use.
type Client struct {
	http      *http.Client
	maxBody   int64
	simulator *simulator
}

// New makes a client. It reads no settings from the environment, proxies included: a proxy would connect where this
// client must not.
func New(o Options) (*Client, error) {
	if o.Timeout < 0 || o.MaxBody < 0 {
		return nil, errors.New("timeout and size of answers can't be negative")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.MaxBody == 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.UserAgent == "" {
		o.UserAgent = defaultUserAgent
	}
	simulator, err := newSimulator(o.Simulator)
	if err != nil {
		return nil, err
	}
	var sender http.RoundTripper = &transport{
		next: &http.Transport{
			DialContext:            dial(o, simulator),
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs},
			TLSHandshakeTimeout:    o.Timeout,
			ForceAttemptHTTP2:      true,
			MaxIdleConns:           100,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: maxHeaderBytes,
		},
		simulator: simulator, maxBody: o.MaxBody, userAgent: o.UserAgent,
	}
	if o.Around != nil {
		sender = o.Around(sender)
	}
	return &Client{
		http:      &http.Client{Transport: sender, CheckRedirect: checkRedirect, Timeout: o.Timeout},
		maxBody:   o.MaxBody,
		simulator: simulator,
	}, nil
}

// HTTP returns the client for libraries that want one. The errors of net/http repeat the address with its query: prefer
// GetJSON where the query holds a secret.
func (c *Client) HTTP() *http.Client { return c.http }

// Rewrite returns the address to send a browser to: the simulator's for a provider's, if there is a simulator, else rawURL
// as it is.
func (c *Client) Rewrite(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		return rawURL
	}
	if target := c.simulator.target(u); target != nil {
		return target.String()
	}
	return rawURL
}

// dial opens connections to allowed addresses. The check is the last thing before the socket connects, for each address
// of a name. The simulator's address was chosen by whoever started the server and is not checked.
func dial(o Options, s *simulator) func(context.Context, string, string) (net.Conn, error) {
	allowed := allowance{prefixes: o.AllowPrivate, all: o.AllowAllPrivate}
	guarded := &net.Dialer{Timeout: o.Timeout, Resolver: o.Resolver, Control: allowed.control}
	open := &net.Dialer{Timeout: o.Timeout, Resolver: o.Resolver}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if s != nil && address == s.address {
			return open.DialContext(ctx, network, address)
		}
		return guarded.DialContext(ctx, network, address)
	}
}

// transport prepares each single request, and watches each single answer.
type transport struct {
	next      *http.Transport
	simulator *simulator
	maxBody   int64
	userAgent string
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	sent := request.Clone(request.Context())
	if sent.Header.Get("User-Agent") == "" {
		sent.Header.Set("User-Agent", t.userAgent)
	}
	if target := t.simulator.target(request.URL); target != nil {
		sent.URL, sent.Host = target, ""
	}
	response, err := t.next.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	response.Request = request // redirects are relative to what was asked for, not to the simulator
	response.Body = &cappedBody{body: response.Body, left: t.maxBody, limit: t.maxBody}
	if location := response.Header.Get("Location"); response.StatusCode/100 == 3 && location != "" {
		if _, err := url.Parse(location); err != nil {
			// net/http would repeat the address, with its query, in its error.
			return nil, errors.Join(fmt.Errorf("%w: its address can't be read", ErrRedirect), response.Body.Close())
		}
	}
	return response, nil
}

// CloseIdleConnections lets http.Client.CloseIdleConnections reach the connections.
func (t *transport) CloseIdleConnections() { t.next.CloseIdleConnections() }

// checkRedirect decides whether a redirect is followed, and what goes along. net/http has copied the headers of the first
// request already, and would send its Referer, which holds the query, and its credentials to sub-domains.
func checkRedirect(request *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("%w: more than %d", ErrRedirect, maxRedirects)
	}
	request.Header.Del("Referer")
	first := via[0].URL
	elsewhere := !sameHost(first, request.URL)
	for _, earlier := range via {
		if earlier.URL.Scheme == "https" && request.URL.Scheme != "https" {
			return fmt.Errorf("%w: from https to %s", ErrRedirect, request.URL.Scheme)
		}
		elsewhere = elsewhere || !sameHost(first, earlier.URL)
	}
	if !elsewhere {
		return nil
	}
	if request.Method != http.MethodGet && request.Method != http.MethodHead {
		return fmt.Errorf("%w: the request would go to another host", ErrRedirect)
	}
	for name := range request.Header {
		switch name {
		case "Accept", "Accept-Language", "User-Agent":
		default:
			request.Header.Del(name)
		}
	}
	return nil
}

func sameHost(a, b *url.URL) bool { return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) }

// cappedBody fails when a body goes on after the limit.
type cappedBody struct {
	body  io.ReadCloser
	left  int64
	limit int64
	over  bool
}

func (b *cappedBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, b.tooLarge()
	}
	if int64(len(p)) > b.left+1 { // one more byte shows that it goes on
		p = p[:b.left+1]
	}
	n, err := b.body.Read(p)
	if int64(n) > b.left {
		b.over = true
		return int(b.left), b.tooLarge()
	}
	b.left -= int64(n)
	return n, err
}

func (b *cappedBody) tooLarge() error {
	return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, b.limit)
}

func (b *cappedBody) Close() error { return b.body.Close() }
