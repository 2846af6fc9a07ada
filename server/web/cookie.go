package web

import (
	"crypto/rand"
	"encoding/base64"
	"net/http"
	"time"
)

// Cookies sets and reads cookies with the attributes that the issuer's scheme allows. On https the names carry the __Host-
// prefix, so that no sibling domain can plant them, and SameSite=None lets silent log-ins in iframes and form_post answers
// of identity providers see those that they need. On http (loopback only) browsers take neither.
type Cookies struct{ Secure bool }

// Names of cookies, before the prefix.
const (
	SessionCookie = "latchkey_session" // the SSO session
	BrowserCookie = "latchkey_browser" // tells browsers apart, so that a log-in ends where it began
	LastCookie    = "latchkey_last"    // the connection used last, to mark its button
)

func (c Cookies) name(name string) string {
	if c.Secure {
		return "__Host-" + name
	}
	return name
}

// Get returns the cookie's value or "".
func (c Cookies) Get(r *http.Request, name string) string {
	cookie, err := r.Cookie(c.name(name))
	if err != nil {
		return ""
	}
	return cookie.Value
}

// Set sends a cookie that lives until expires, or as long as the browser where that is zero.
func (c Cookies) Set(w http.ResponseWriter, name, value string, expires time.Time) {
	http.SetCookie(w, &http.Cookie{
		Name: c.name(name), Value: value, Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: c.sameSite(name), Expires: expires,
	})
}

// Clear removes a cookie.
func (c Cookies) Clear(w http.ResponseWriter, name string) {
	http.SetCookie(w, &http.Cookie{
		Name: c.name(name), Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: c.sameSite(name), MaxAge: -1,
	})
}

func (c Cookies) sameSite(name string) http.SameSite {
	if c.Secure && (name == SessionCookie || name == BrowserCookie) {
		return http.SameSiteNoneMode
	}
	return http.SameSiteLaxMode
}

// Browser returns the browser's own random name, giving it one where it has none.
func (c Cookies) Browser(w http.ResponseWriter, r *http.Request) string {
	if id := c.Get(r, BrowserCookie); len(id) == 43 {
		return id
	}
	var b [32]byte
	rand.Read(b[:])
	id := base64.RawURLEncoding.EncodeToString(b[:])
	c.Set(w, BrowserCookie, id, time.Time{})
	return id
}
