package oauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/latchkey-id/latchkey/internal/outage"
	"github.com/latchkey-id/latchkey/server/page"
	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tenant"
)

// answer is what an app is told, in order.
type answer [][2]string

// deliver sends an answer to the app in the request's response mode, success and error alike. Client and redirect URI are
// proven. The state goes along verbatim, and the issuer, so that an app with several can tell whose answer it is (RFC 9207).
func (s *Surface) deliver(w http.ResponseWriter, r *http.Request, q sessions.AuthorizeRequest, a answer) error {
	if q.State != "" {
		a = append(a, [2]string{"state", q.State})
	}
	web.NoStore(w)
	switch q.ResponseMode {
	case "web_message":
		return s.webMessage(w, r, q, a)
	case "form_post":
		return s.formPost(w, r, q, append(a, [2]string{"iss", s.Issuer}))
	}
	target, err := redirectTarget(q, append(a, [2]string{"iss", s.Issuer}))
	if err != nil {
		return err
	}
	// http.Redirect would tidy the path up; the app registered this text.
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
	return nil
}

// redirectTarget adds the answer to the redirect URI's query, keeping what stands there, or as its fragment.
func redirectTarget(q sessions.AuthorizeRequest, a answer) (string, error) {
	encoded := a.encode()
	if q.ResponseMode == "fragment" {
		return q.RedirectURI + "#" + encoded, nil
	}
	if _, err := url.Parse(q.RedirectURI); err != nil {
		return "", err
	}
	separator := "?"
	if strings.Contains(q.RedirectURI, "?") {
		separator = "&"
	}
	return q.RedirectURI + separator + encoded, nil
}

func (a answer) encode() string {
	parts := make([]string, len(a))
	for i, kv := range a {
		parts[i] = kv[0] + "=" + url.QueryEscape(kv[1])
	}
	return strings.Join(parts, "&")
}

// formPost answers with a form that submits itself (OAuth 2.0 Form Post Response Mode).
func (s *Surface) formPost(w http.ResponseWriter, r *http.Request, q sessions.AuthorizeRequest, a answer) error {
	nonce := web.Nonce()
	web.PagePolicy{Nonce: nonce, LeadsElsewhere: true}.Apply(w)
	values := make([]views.Value, len(a))
	for i, kv := range a {
		values[i] = views.Value{Name: kv[0], Value: kv[1]}
	}
	return s.Pages.Views.FormPost(w, views.FormPostPage{Page: s.Pages.Base(r, nonce, q.UILocales), URL: q.RedirectURI, Values: values})
}

// webMessage answers with a script that posts the answer to the page that framed or opened us, and to no other origin.
func (s *Surface) webMessage(w http.ResponseWriter, r *http.Request, q sessions.AuthorizeRequest, a answer) error {
	nonce := web.Nonce()
	origin := tenant.OriginOf(q.RedirectURI)
	web.PagePolicy{Nonce: nonce, FrameAncestors: []string{origin}}.Apply(w)
	response := make(map[string]any, len(a))
	for _, kv := range a {
		response[kv[0]] = kv[1]
	}
	return s.Pages.Views.WebMessage(w, views.WebMessagePage{Page: s.Pages.Base(r, nonce, q.UILocales), TargetOrigin: origin, Response: response})
}

// deliverError tells the app what went wrong (RFC 6749 §4.1.2.1).
func (s *Surface) deliverError(w http.ResponseWriter, r *http.Request, q sessions.AuthorizeRequest, err error) error {
	// An app can't mend an outage, and its way back here costs more; only a hidden frame has nobody who could read a page.
	if errors.Is(err, outage.Err) && q.ResponseMode != "web_message" {
		return err
	}
	e := logged(r, asError(err))
	a := answer{{"error", e.Code}}
	if e.Description != "" {
		a = append(a, [2]string{"error_description", e.Description})
	}
	return s.deliver(w, r, q, a)
}

// errorPage shows an error to the person where no app may be told.
func (s *Surface) errorPage(w http.ResponseWriter, r *http.Request, err error) {
	e := logged(r, asError(err))
	kind, restart := views.ErrorRequest, ""
	switch {
	case errors.Is(err, errTransaction):
		// Where the application itself can't be named, the operator's default login route leads on.
		kind, restart = views.ErrorExpired, s.Tenant.Current().Settings.DefaultRedirectionURI
	case e == errCallback:
		kind = views.ErrorCallback
	case e.Status >= http.StatusInternalServerError:
		kind = views.ErrorInternal
	case e.Code == "access_denied" || e.Code == "unauthorized":
		kind = views.ErrorDenied
	}
	if e.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", outage.RetryAfter)
	}
	s.Pages.Error(w, r, page.Problem{Status: e.Status, Kind: kind, Code: e.Code, Description: e.Description, RestartURL: restart})
}
