package blackbox

import (
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// Browser is a browser without scripts: it keeps cookies by their rules, follows redirects one by one, and submits forms.
// It stops where a redirect leads to an app, as nothing listens there. It is for one goroutine at a time.
type Browser struct {
	// Apps are the beginnings of addresses that are not opened.
	Apps []string
	// Header is sent along with every request.
	Header http.Header

	t      testing.TB
	client *http.Client

	mu         sync.Mutex
	cookies    map[string]*http.Cookie // by host and name; ports don't separate cookies (RFC 6265 §8.5)
	setCookies []SetCookie
	trail      []string
}

// SetCookie is a cookie as an answer set it.
type SetCookie struct {
	URL    string
	Cookie *http.Cookie
	// Refused says why a browser would not keep it; "" where it does.
	Refused string
}

// Page is where the browser stands.
type Page struct {
	// URL is the page's address, or the app's address with the answer where App is true.
	URL    *url.URL
	App    bool
	Status int
	Header http.Header
	Body   string
	Forms  []Form
}

// Form is a form of a page, with its hidden and preset values.
type Form struct {
	Action string // absolute
	Method string
	Values url.Values
}

// NewBrowser returns a browser without cookies that trusts the server's certificate.
func NewBrowser(t testing.TB, s *Server, apps ...string) *Browser {
	return &Browser{t: t, client: s.Client(), Apps: apps, Header: http.Header{}, cookies: map[string]*http.Cookie{}}
}

const maxRedirects = 20

// Open gets a page, through redirects.
func (b *Browser) Open(address string) *Page {
	b.t.Helper()
	return b.visit(http.MethodGet, address, nil)
}

// Post sends a form to an address, through redirects.
func (b *Browser) Post(address string, values url.Values) *Page {
	b.t.Helper()
	return b.visit(http.MethodPost, address, values)
}

// Submit sends a page's only form with these values in addition to its hidden ones.
func (b *Browser) Submit(page *Page, values url.Values) *Page {
	b.t.Helper()
	if len(page.Forms) != 1 {
		b.t.Fatalf("%s has %d forms, want one:\n%s", page.URL, len(page.Forms), page.Body)
	}
	form := page.Forms[0]
	sent := maps.Clone(form.Values)
	maps.Copy(sent, values)
	if form.Method == http.MethodGet {
		return b.Open(form.Action + "?" + sent.Encode())
	}
	return b.Post(form.Action, sent)
}

func (b *Browser) visit(method, address string, values url.Values) *Page {
	b.t.Helper()
	for range maxRedirects {
		page := b.Step(method, address, values)
		location := page.Header.Get("Location")
		if page.Status < 300 || page.Status > 399 || location == "" {
			return page
		}
		if b.isApp(location) {
			target, err := url.Parse(location)
			if err != nil {
				b.t.Fatal(err)
			}
			page.URL, page.App = target, true
			return page
		}
		target, err := page.URL.Parse(location)
		if err != nil {
			b.t.Fatal(err)
		}
		address = target.String()
		if page.Status != http.StatusTemporaryRedirect && page.Status != http.StatusPermanentRedirect {
			method, values = http.MethodGet, nil
		}
	}
	b.t.Fatalf("more than %d redirects: %v", maxRedirects, b.Trail())
	return nil
}

func (b *Browser) isApp(location string) bool {
	for _, app := range b.Apps {
		if strings.HasPrefix(location, app) {
			return true
		}
	}
	return false
}

// Step sends one request and follows no redirect.
func (b *Browser) Step(method, address string, values url.Values) *Page {
	b.t.Helper()
	request := b.Request(method, address, values)
	response, err := b.client.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.keep(request.URL, response)
	page := &Page{URL: request.URL, Status: response.StatusCode, Header: response.Header, Body: string(text)}
	page.Forms = forms(page)
	return page
}

// Request is what the browser would send, with its cookies.
func (b *Browser) Request(method, address string, values url.Values) *http.Request {
	b.t.Helper()
	var body io.Reader
	if values != nil {
		body = strings.NewReader(values.Encode())
	}
	request, err := http.NewRequestWithContext(b.t.Context(), method, address, body)
	if err != nil {
		b.t.Fatal(err)
	}
	maps.Copy(request.Header, b.Header)
	if values != nil {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	b.addCookies(request)
	return request
}

func (b *Browser) addCookies(request *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, cookie := range b.cookies {
		host, _, _ := strings.Cut(key, " ")
		if host == request.URL.Hostname() && (!cookie.Secure || request.URL.Scheme == "https") && strings.HasPrefix(request.URL.EscapedPath(), cookie.Path) {
			request.AddCookie(&http.Cookie{Name: cookie.Name, Value: cookie.Value})
		}
	}
}

func (b *Browser) keep(at *url.URL, response *http.Response) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.trail = append(b.trail, fmt.Sprintf("%s %s %d", response.Request.Method, at, response.StatusCode))
	for _, cookie := range response.Cookies() {
		why := refused(at, cookie)
		b.setCookies = append(b.setCookies, SetCookie{URL: at.String(), Cookie: cookie, Refused: why})
		key := at.Hostname() + " " + cookie.Name
		switch {
		case why != "":
		case cookie.MaxAge < 0:
			delete(b.cookies, key)
		default:
			b.cookies[key] = cookie
		}
	}
}

// refused says why a browser would drop a cookie (RFC 6265bis §5.6), "" where it keeps it.
func refused(at *url.URL, c *http.Cookie) string {
	host := strings.HasPrefix(c.Name, "__Host-")
	switch {
	case (c.Secure || host || strings.HasPrefix(c.Name, "__Secure-")) && at.Scheme != "https":
		return "a secure cookie over http"
	case strings.HasPrefix(c.Name, "__Secure-") && !c.Secure:
		return "the prefix __Secure- without Secure"
	case host && (!c.Secure || c.Domain != "" || c.Path != "/"):
		return "the prefix __Host- without Secure, with a Domain or with another Path than /"
	case c.SameSite == http.SameSiteNoneMode && !c.Secure:
		return "SameSite=None without Secure"
	case c.Domain != "" && strings.TrimPrefix(c.Domain, ".") != at.Hostname():
		return "the Domain of another host"
	}
	return ""
}

// Cookie returns the value of a kept cookie whose name ends in name, so that prefixes don't matter.
func (b *Browser) Cookie(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	for key, cookie := range b.cookies {
		if strings.HasSuffix(key, name) {
			return cookie.Value
		}
	}
	return ""
}

// SetCookie plants or replaces a cookie for all hosts that have been visited, or removes it where value is "".
func (b *Browser) SetCookie(host, name, value string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if value == "" {
		delete(b.cookies, host+" "+name)
		return
	}
	b.cookies[host+" "+name] = &http.Cookie{Name: name, Value: value, Path: "/"}
}

// SetCookies lists every cookie that answers set, in order.
func (b *Browser) SetCookies() []SetCookie {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]SetCookie(nil), b.setCookies...)
}

// Secrets are the values of all cookies that answers set.
func (b *Browser) Secrets() []string {
	var values []string
	for _, set := range b.SetCookies() {
		values = append(values, set.Cookie.Value)
	}
	return values
}

// Trail lists every request with its status, in order.
func (b *Browser) Trail() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]string(nil), b.trail...)
}

// Param is a parameter of the page's address, in query or fragment.
func (p *Page) Param(name string) string {
	if value := p.URL.Query().Get(name); value != "" {
		return value
	}
	fragment, err := url.ParseQuery(p.URL.Fragment)
	if err != nil {
		return ""
	}
	return fragment.Get(name)
}

// Link returns the absolute address of the first link whose text contains words, "" without one.
func (p *Page) Link(words string) string {
	for _, link := range linkPattern.FindAllStringSubmatch(p.Body, -1) {
		if strings.Contains(html.UnescapeString(tagPattern.ReplaceAllString(link[2], "")), words) {
			return p.absolute(attribute(link[1], "href"))
		}
	}
	return ""
}

func (p *Page) absolute(reference string) string {
	target, err := p.URL.Parse(reference)
	if err != nil {
		return reference
	}
	return target.String()
}

// Patterns that are enough for the product's own templates.
var (
	formPattern  = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputPattern = regexp.MustCompile(`(?s)<input([^>]*)>`)
	linkPattern  = regexp.MustCompile(`(?s)<a([^>]*)>(.*?)</a>`)
	tagPattern   = regexp.MustCompile(`(?s)<[^>]*>`)
	attrPattern  = regexp.MustCompile(`(?s)([a-zA-Z_:-]+)="([^"]*)"`)
)

func forms(p *Page) []Form {
	var list []Form
	for _, match := range formPattern.FindAllStringSubmatch(p.Body, -1) {
		form := Form{Method: strings.ToUpper(attribute(match[1], "method")), Action: p.URL.String(), Values: url.Values{}}
		if form.Method == "" {
			form.Method = http.MethodGet
		}
		if action := attribute(match[1], "action"); action != "" {
			form.Action = p.absolute(action)
		}
		for _, input := range inputPattern.FindAllStringSubmatch(match[2], -1) {
			if name := attribute(input[1], "name"); name != "" && attribute(input[1], "type") != "checkbox" {
				form.Values.Set(name, attribute(input[1], "value"))
			}
		}
		list = append(list, form)
	}
	return list
}

func attribute(tag, name string) string {
	for _, match := range attrPattern.FindAllStringSubmatch(tag, -1) {
		if strings.EqualFold(match[1], name) {
			return html.UnescapeString(match[2])
		}
	}
	return ""
}
