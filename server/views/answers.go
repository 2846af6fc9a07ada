package views

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"strings"
)

// Errors of pages that carry an answer to an application.
var (
	ErrAction = errors.New("a form may not be sent to this address")
	ErrOrigin = errors.New("a message needs exactly one http or https origin as its target")
)

// FormPostPage sends an answer to the application by a form that submits itself (OAuth 2.0 Form Post Response Mode §2).
type FormPostPage struct {
	Page
	// URL is the redirect_uri, which the caller has checked against the client.
	URL    string
	Values []Value
}

// Value is a hidden input.
type Value struct{ Name, Value string }

// WebMessagePage hands an answer to the window that opened or embeds it (Auth0: response_mode=web_message).
type WebMessagePage struct {
	Page
	// TargetOrigin is the origin of the redirect_uri, which the caller has checked against the client.
	TargetOrigin string
	// Response is code, access_token, expires_in …, state; or error, error_description, state. Values are text or numbers.
	Response map[string]any
}

// Message is what the other window gets.
type Message struct {
	Type     string         `json:"type"`
	Response map[string]any `json:"response"`
}

// FormPost draws the page. Errors: [ErrAction] for an address that runs in the page instead of leading away from it.
func (v *Views) FormPost(w io.Writer, p FormPostPage) error {
	u, err := url.Parse(p.URL)
	if err != nil || !u.IsAbs() || runsInPage(u.Scheme) {
		return fmt.Errorf("form post: %w", ErrAction)
	}
	p.Page = v.prepare(p.Page)
	return v.render(w, "formpost", p)
}

// ActionURL is the checked address. Applications on devices have schemes of their own, which html/template refuses.
func (p FormPostPage) ActionURL() template.URL { return template.URL(p.URL) }

// runsInPage tells whether an address of the scheme would be run or shown with our rights.
func runsInPage(scheme string) bool {
	switch strings.ToLower(scheme) {
	case "javascript", "data", "vbscript", "blob", "filesystem", "file", "about", "view-source":
		return true
	}
	return false
}

// WebMessage draws the page. Errors: [ErrOrigin].
func (v *Views) WebMessage(w io.Writer, p WebMessagePage) error {
	u, err := url.Parse(p.TargetOrigin)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Scheme+"://"+u.Host != p.TargetOrigin {
		return fmt.Errorf("web message: %w", ErrOrigin)
	}
	p.Page = v.prepare(p.Page)
	return v.render(w, "webmessage", p)
}

// Message is the answer as the other window gets it.
func (p WebMessagePage) Message() Message {
	return Message{Type: "authorization_response", Response: p.Response}
}
