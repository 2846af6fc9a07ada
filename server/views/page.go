package views

import (
	"html/template"
	"net/url"
	"strings"
)

// Page is what all pages share.
type Page struct {
	// Lang is a language of the [Catalog], as [Catalog.Match] returns it. Anything else is matched to the nearest.
	Lang string
	// Dir is "ltr" or "rtl". Empty: as the language is written.
	Dir string
	// Title replaces the page's own heading.
	Title string
	Brand Brand
	// Nonce is the one that the response's content security policy names; fresh for each response.
	Nonce string
	// State and CSRF become the hidden inputs state and _csrf of the page's form. Empty ones are left out.
	State string
	CSRF  string
	// StyleURL and ScriptURL replace the addresses that [Views.StyleURL] and [Views.ScriptURL] give.
	StyleURL  string
	ScriptURL string
}

// Brand is how the operator wants to look (Auth0: Branding). All of it is optional.
type Brand struct {
	Name string
	// LogoURL and FaviconURL are https, http or relative; others are left out.
	LogoURL    string
	FaviconURL string
	// Primary and PageBackground are colours written #rrggbb; others are ignored.
	Primary        string
	PageBackground string
}

// Provider is a button that leads to another place to log in.
type Provider struct {
	Name     string // what people call it: GitHub
	Strategy string // chooses the glyph: github
	URL      string
	LastUsed bool // the person came this way last time on this device
}

// ThemeCSS is the brand's colours as CSS custom properties; empty without a brand colour.
func (p Page) ThemeCSS() template.CSS { return template.CSS(themeOf(p.Brand)) }

// imageURL returns the address if a page may load it as an image, and nothing otherwise.
func imageURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	switch strings.ToLower(u.Scheme) {
	case "https", "http":
		if u.Host == "" {
			return ""
		}
	case "":
	default:
		return ""
	}
	return raw
}

// maxShown is how many providers are shown before the rest folds away.
const maxShown = 6

// ordered puts the provider that was used last in front and keeps the order of the others.
func ordered(providers []Provider) []Provider {
	out := make([]Provider, 0, len(providers))
	for _, p := range providers {
		if p.LastUsed {
			out = append(out, p)
		}
	}
	for _, p := range providers {
		if !p.LastUsed {
			out = append(out, p)
		}
	}
	return out
}

// split gives the providers that are shown and those that fold behind "More ways to sign in".
func split(providers []Provider) (shown, folded []Provider) {
	all := ordered(providers)
	if len(all) <= maxShown {
		return all, nil
	}
	return all[:maxShown], all[maxShown:]
}
