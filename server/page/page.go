// Package page is what the surfaces that show pages share: the operator's branding and the person's language on every page,
// and tokens that tie a form to the browser it was shown in.
package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/latchkey-id/latchkey/server/views"
	"github.com/latchkey-id/latchkey/server/web"
	"github.com/latchkey-id/latchkey/tenant"
)

// Kit makes pages. All fields are needed.
type Kit struct {
	Views   *views.Views
	Tenant  *tenant.Cache
	Cookies web.Cookies
	// Key makes CSRF tokens; the same on all nodes.
	Key []byte
}

// Base is the part that all pages share. locales is the request's ui_locales, which goes before the browser's wish.
func (k *Kit) Base(r *http.Request, nonce, locales string) views.Page {
	settings := k.Tenant.Current().Settings
	return views.Page{
		Lang:  k.Lang(r, locales),
		Nonce: nonce,
		Brand: views.Brand{
			Name: settings.FriendlyName, LogoURL: settings.Branding.LogoURL, FaviconURL: settings.Branding.FaviconURL,
			Primary: settings.Branding.Colors.Primary, PageBackground: settings.Branding.Colors.PageBackground,
		},
	}
}

// Lang is the language to speak with whoever sent the request.
func (k *Kit) Lang(r *http.Request, locales string) string {
	wishes := []string{locales, r.Header.Get("Accept-Language")}
	return k.Views.Catalog().Match(wishes, k.Tenant.Current().Settings.EnabledLocales)
}

// CSRF returns the token of a form: good for this browser (its cookie's value) and this purpose only.
func (k *Kit) CSRF(browser, purpose string) string {
	mac := hmac.New(sha256.New, k.Key)
	mac.Write([]byte(browser + "\x00" + purpose))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// CheckCSRF tells whether the token was made for this browser and purpose.
func (k *Kit) CheckCSRF(browser, purpose, token string) bool {
	return browser != "" && hmac.Equal([]byte(k.CSRF(browser, purpose)), []byte(token))
}

// Problem is an error page's content.
type Problem struct {
	Status      int
	Kind        views.ErrorKind
	Code        string // OAuth's, for the operator's own page
	Description string
	RestartURL  string
}

// Error shows an error page, or sends the person to the operator's own where there is one (Auth0: Custom Error Pages).
func (k *Kit) Error(w http.ResponseWriter, r *http.Request, p Problem) {
	if target := k.operatorsPage(r, p); target != "" {
		web.NoStore(w)
		http.Redirect(w, r, target, http.StatusFound)
		return
	}
	nonce := web.Nonce()
	web.PagePolicy{Nonce: nonce}.Apply(w)
	w.WriteHeader(p.Status)
	err := k.Views.Error(w, views.ErrorPage{
		Page: k.Base(r, nonce, ""), Kind: p.Kind, Code: p.Code, Description: p.Description,
		Reference: web.RequestID(r), RestartURL: p.RestartURL, SupportURL: k.Tenant.Current().Settings.SupportURL,
	})
	if err != nil {
		web.Log(r).Error("error page can't be shown", "error", err)
	}
}

func (k *Kit) operatorsPage(r *http.Request, p Problem) string {
	settings := k.Tenant.Current().Settings
	if settings.ErrorPage == nil || settings.ErrorPage.URL == "" {
		return ""
	}
	target, err := url.Parse(settings.ErrorPage.URL)
	if err != nil {
		return ""
	}
	asked, query := r.URL.Query(), target.Query()
	for name, value := range map[string]string{
		"client_id": asked.Get("client_id"), "connection": asked.Get("connection"), "lang": k.Lang(r, asked.Get("ui_locales")),
		"error": p.Code, "error_description": p.Description, "tracking": web.RequestID(r),
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	target.RawQuery = query.Encode()
	return target.String()
}
