package tenant

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// MatchCallback tells whether given, a redirect_uri as it came (percent-decoded once, as a query parameter), is one of the
// registered callbacks. Scheme and host compare without regard to case, everything else byte by byte: nothing is decoded or
// normalized, since browsers and this server could disagree on the result (RFC 9700 §4.1.3). Two registered forms stand
// for more than themselves: "*" in the left-most label of the host for any one label or part of it (Auth0: Subdomain URL
// Placeholders), and http on a loopback IP address for every port (RFC 8252 §7.3).
func MatchCallback(list []string, given string) bool {
	g, ok := splitURL(given)
	if !ok || g.hasFragment() {
		return false
	}
	return slices.ContainsFunc(list, func(registered string) bool {
		r, ok := splitURL(registered)
		return ok && r.scheme == g.scheme && r.authority == g.authority && r.rest == g.rest &&
			matchHost(r, g) && (r.port == g.port || r.loopback())
	})
}

// MatchLogout tells whether given, a returnTo or post_logout_redirect_uri, is one of the allowed logout URLs. Query and
// fragment are ignored, the rest compares as in [MatchCallback], ports of loopback addresses included in the comparison
// (Auth0: Redirect Users After Logout). Only absolute URLs match.
func MatchLogout(list []string, given string) bool {
	g, ok := splitURL(given)
	if !ok {
		return false
	}
	return slices.ContainsFunc(list, func(registered string) bool {
		r, ok := splitURL(registered)
		return ok && r.scheme == g.scheme && r.authority == g.authority && r.path() == g.path() &&
			matchHost(r, g) && r.port == g.port
	})
}

// MatchOrigin tells whether origin, the value of an Origin header or of [OriginOf], is one of the list's origins. A "*" in
// the left-most label of a listed one stands for one label. Default ports are equal to none.
func MatchOrigin(list []string, origin string) bool {
	g, ok := splitURL(origin)
	if !ok || !g.authority || g.rest != "" {
		return false
	}
	return slices.ContainsFunc(list, func(registered string) bool {
		r, ok := splitURL(registered)
		return ok && r.authority && (r.rest == "" || r.rest == "/") && r.scheme == g.scheme &&
			matchHost(r, g) && r.effectivePort() == g.effectivePort()
	})
}

// OriginOf returns scheme://host[:port] of an absolute URL in lower case without a default port (RFC 6454 §6.2), "" where
// it has none. The "*" of a registered URL stays, so that origins of callbacks can be given to [MatchOrigin].
func OriginOf(url string) string {
	p, ok := splitURL(url)
	if !ok || !p.authority || p.host == "" {
		return ""
	}
	if port := p.effectivePort(); port != "" {
		return p.scheme + "://" + p.host + ":" + port
	}
	return p.scheme + "://" + p.host
}

// urlParts is a URL cut where RFC 3986 cuts it, with scheme and host in lower case and nothing else changed.
type urlParts struct {
	scheme    string
	authority bool   // "//" follows the scheme
	host      string // IPv6 in brackets
	port      string // digits as given, "" without
	rest      string // path, query, fragment
}

// unsafeSchemes run code or read files in the browser that is sent there.
var unsafeSchemes = map[string]bool{
	"javascript": true, "data": true, "vbscript": true, "file": true, "blob": true, "about": true, "view-source": true,
	"filesystem": true, "jar": true, "ws": true, "wss": true,
}

// splitURL refuses what different parsers read differently: control characters, blanks, backslashes, bytes above ASCII,
// user information and odd hosts or ports.
func splitURL(raw string) (urlParts, bool) {
	for i := range len(raw) {
		if raw[i] <= ' ' || raw[i] >= 0x7f || raw[i] == '\\' {
			return urlParts{}, false
		}
	}
	scheme, rest, found := strings.Cut(raw, ":")
	p := urlParts{scheme: strings.ToLower(scheme), rest: rest}
	if !found || !isScheme(p.scheme) || unsafeSchemes[p.scheme] {
		return urlParts{}, false
	}
	after, authority := strings.CutPrefix(rest, "//")
	if !authority {
		return p, !p.web() && rest != ""
	}
	p.authority = true
	end := strings.IndexAny(after, "/?#")
	if end < 0 {
		end = len(after)
	}
	p.rest = after[end:]
	var ok bool
	p.host, p.port, ok = splitAuthority(strings.ToLower(after[:end]))
	if p.host == "" && (p.web() || p.port != "") {
		return urlParts{}, false
	}
	return p, ok
}

func splitAuthority(authority string) (host, port string, ok bool) {
	host = authority
	if strings.HasPrefix(host, "[") {
		end := strings.IndexByte(host, ']')
		if end < 0 {
			return "", "", false
		}
		host = authority[:end+1]
		if addr, err := netip.ParseAddr(host[1:end]); err != nil || !addr.Is6() || addr.Zone() != "" {
			return "", "", false
		}
	} else if colon := strings.IndexByte(host, ':'); colon >= 0 {
		host = authority[:colon]
	}
	if !strings.HasPrefix(host, "[") && strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789.-_*") != "" {
		return "", "", false
	}
	rest := authority[len(host):]
	if rest == "" {
		return host, "", true
	}
	port, colon := strings.CutPrefix(rest, ":")
	if !colon || port == "" || strings.Trim(port, "0123456789") != "" {
		return "", "", false
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return "", "", false
	}
	return host, port, true
}

func isScheme(s string) bool {
	return s != "" && s[0] >= 'a' && s[0] <= 'z' && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789+.-") == ""
}

func (p urlParts) web() bool { return p.scheme == "http" || p.scheme == "https" }

func (p urlParts) hasFragment() bool { return strings.Contains(p.rest, "#") }

func (p urlParts) path() string {
	if end := strings.IndexAny(p.rest, "?#"); end >= 0 {
		return p.rest[:end]
	}
	return p.rest
}

func (p urlParts) loopback() bool {
	return p.scheme == "http" && (p.host == "127.0.0.1" || p.host == "[::1]")
}

func (p urlParts) effectivePort() string {
	if p.scheme == "https" && p.port == "443" || p.scheme == "http" && p.port == "80" {
		return ""
	}
	return p.port
}

// matchHost compares hosts; a registered wildcard that [CheckClient] would refuse matches nothing.
func matchHost(registered, given urlParts) bool {
	if strings.Contains(given.host, "*") || wildcardProblem(registered) != "" {
		return false
	}
	if !strings.Contains(registered.host, "*") {
		return registered.host == given.host
	}
	label, parent, _ := strings.Cut(registered.host, ".")
	givenLabel, givenParent, found := strings.Cut(given.host, ".")
	if !found || parent != givenParent {
		return false
	}
	prefix, suffix, _ := strings.Cut(label, "*")
	middle, hasPrefix := strings.CutPrefix(givenLabel, prefix)
	middle, hasSuffix := strings.CutSuffix(middle, suffix)
	return hasPrefix && hasSuffix && middle != "" && strings.Trim(middle, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// wildcardProblem says why a "*" may not stand where it does, "" where it may or where there is none.
func wildcardProblem(p urlParts) string {
	stars := strings.Count(p.host, "*")
	if strings.Contains(p.rest, "*") {
		return `"*" may only stand in the left-most label of the host`
	}
	if stars == 0 {
		return ""
	}
	if !p.web() {
		return `"*" is only for http and https`
	}
	labels := strings.Split(p.host, ".")
	if stars > 1 || !strings.Contains(labels[0], "*") {
		return `"*" may stand once, in the left-most label of the host`
	}
	if len(labels) < 3 || slices.Contains(labels[1:], "") || strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return `"*" needs a registrable domain to its right, such as *.example.com`
	}
	return ""
}

// AllowsOrigin tells whether pages of the origin may read answers meant for the client: its allowed_origins, and the
// origins of its callbacks (Auth0: Set Up CORS).
func AllowsOrigin(c *Client, origin string) bool {
	if MatchOrigin(c.AllowedOrigins, origin) {
		return true
	}
	for _, callback := range c.Callbacks {
		if of := OriginOf(callback); of != "" && MatchOrigin([]string{of}, origin) {
			return true
		}
	}
	return false
}

// AnyAllowsOrigin tells whether some client allows the origin: all that is known when a browser asks before a request.
func (c *Config) AnyAllowsOrigin(origin string) bool {
	for _, client := range c.Clients {
		if AllowsOrigin(client, origin) {
			return true
		}
	}
	return false
}
