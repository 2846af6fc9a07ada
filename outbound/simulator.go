package outbound

import (
	"errors"
	"net"
	"net/url"
	"strings"
)

// simulator is the server that stands in for all others. A nil one stands in for none.
type simulator struct {
	base    *url.URL // its path ends without "/"
	address string   // host:port, as it is dialled
}

func newSimulator(base *url.URL) (*simulator, error) {
	if base == nil {
		return nil, nil
	}
	if (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "" || base.User != nil || base.RawQuery != "" {
		return nil, errors.New("the simulator's address must be http(s)://HOST[:PORT][/PATH]")
	}
	port := base.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[base.Scheme]
	}
	trimmed := &url.URL{Scheme: base.Scheme, Host: base.Host, Path: strings.TrimRight(base.Path, "/")}
	return &simulator{base: trimmed, address: net.JoinHostPort(base.Hostname(), port)}, nil
}

// target returns where a request goes instead, nil for those that go where they say: plain http, and the simulator itself.
func (s *simulator) target(u *url.URL) *url.URL {
	if s == nil || u.Scheme != "https" || u.Host == "" || strings.EqualFold(u.Host, s.base.Host) {
		return nil
	}
	host := "/" + strings.ToLower(u.Host)
	target := *s.base
	target.Path += host + u.Path
	target.RawPath = s.base.EscapedPath() + host + u.EscapedPath()
	target.RawQuery, target.ForceQuery = u.RawQuery, u.ForceQuery
	target.Fragment, target.RawFragment = u.Fragment, u.RawFragment
	return &target
}
