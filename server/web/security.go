package web

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"strings"
)

// PagePolicy is the Content-Security-Policy of a page.
type PagePolicy struct {
	// Nonce allows the page's own inline style and script. Made by [Nonce].
	Nonce string
	// LeadsElsewhere says that a submitted form may end at an app or an identity provider. Browsers apply form-action to
	// the redirects after a submission too, and custom schemes can't be listed, so the directive is then left out.
	LeadsElsewhere bool
	// FrameAncestors lists origins that may frame the page; nobody by default.
	FrameAncestors []string
	// Frames lists what the page may embed.
	Frames []string
}

// Nonce returns a fresh nonce for a page's CSP.
func Nonce() string {
	var b [16]byte
	rand.Read(b[:])
	return base64.RawStdEncoding.EncodeToString(b[:])
}

// Apply sets the headers of a page for people: policy, no framing, no caching.
func (p PagePolicy) Apply(w http.ResponseWriter) {
	ancestors := "'none'"
	h := w.Header()
	if len(p.FrameAncestors) > 0 {
		ancestors = strings.Join(p.FrameAncestors, " ")
	} else {
		h.Set("X-Frame-Options", "DENY")
	}
	csp := []string{
		"default-src 'none'",
		"script-src 'self' 'nonce-" + p.Nonce + "'",
		"style-src 'self' 'nonce-" + p.Nonce + "'",
		"img-src 'self' https: data:", "font-src 'self' https:", "connect-src 'self'", "base-uri 'none'",
		"frame-ancestors " + ancestors,
	}
	if !p.LeadsElsewhere {
		csp = append(csp, "form-action 'self'")
	}
	if len(p.Frames) > 0 {
		csp = append(csp, "frame-src "+strings.Join(p.Frames, " "))
	}
	h.Set("Content-Security-Policy", strings.Join(csp, "; "))
	h.Set("Content-Type", "text/html; charset=utf-8")
	NoStore(w)
}
