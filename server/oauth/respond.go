package oauth

import (
	"net/http"
	"net/url"
	"strings"

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
	fields := make([]views.HiddenField, len(a))
	for i, kv := range a {
		fields[i] = views.HiddenField{Name: kv[0], Value: kv[1]}
	}
	return s.Pages.FormPost(w, views.FormPostPage{Page: s.page(r, nonce, q.UILocales), Action: q.RedirectURI, Fields: fields})
}

// webMessage answers with a script that posts the answer to the page that framed or opened us, and to no other origin.
func (s *Surface) webMessage(w http.ResponseWriter, r *http.Request, q sessions.AuthorizeRequest, a answer) error {
	nonce := web.Nonce()
	origin := tenant.OriginOf(q.RedirectURI)
	web.PagePolicy{Nonce: nonce, FrameAncestors: []string{origin}}.Apply(w)
	response := make(map[string]string, len(a))
	for _, kv := range a {
		response[kv[0]] = kv[1]
	}
	return s.Pages.WebMessage(w, views.WebMessagePage{Page: s.page(r, nonce, q.UILocales), TargetOrigin: origin, Response: response})
}

// deliverError tells the app what went wrong (RFC 6749 §4.1.2.1).
func (s *Surface) deliverError(w http.ResponseWriter, r *http.Request, q sessions.AuthorizeRequest, err error) error {
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
	if target := s.operatorsErrorPage(r, e); target != "" {
		http.Redirect(w, r, target, http.StatusFound)
		return
	}
	nonce := web.Nonce()
	web.PagePolicy{Nonce: nonce}.Apply(w)
	w.WriteHeader(e.Status)
	page := views.ErrorPage{Page: s.page(r, nonce, ""), Code: e.Code, Description: e.Description, Reference: web.RequestID(r)}
	if err := s.Pages.Error(w, page); err != nil {
		web.Log(r).Error("error page can't be rendered", "error", err)
	}
}

// operatorsErrorPage is the tenant's own error page, if it has one (Auth0: Custom Error Pages).
func (s *Surface) operatorsErrorPage(r *http.Request, e *Error) string {
	settings := s.Tenant.Current().Settings
	if settings.ErrorPage == nil || settings.ErrorPage.URL == "" {
		return ""
	}
	target, err := url.Parse(settings.ErrorPage.URL)
	if err != nil {
		return ""
	}
	query := target.Query()
	for name, value := range map[string]string{
		"client_id": r.URL.Query().Get("client_id"), "connection": r.URL.Query().Get("connection"),
		"error": e.Code, "error_description": e.Description, "tracking": web.RequestID(r),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	target.RawQuery = query.Encode()
	return target.String()
}

// page is the part that all pages share.
func (s *Surface) page(r *http.Request, nonce, locales string) views.Page {
	return s.Pages.Base(r, s.Tenant.Current().Settings, nonce, locales)
}
