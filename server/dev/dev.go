package dev

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxForm bounds the body of every POST here, in bytes.
const maxForm = 64 << 10

// Options are what New needs.
type Options struct {
	// Issuer is the server's public URL and ends in "/".
	Issuer string
	// Clock is the clock that /dev/clock moves; the simulated providers use it as well.
	Clock *Clock
	// Outbox is what /dev/mail shows.
	Outbox *Outbox
	// DemoClientID returns the client of the demo app as the tenant is now. Empty: the tenant has none, and /dev/app says
	// so. Where it is DemoSPAClientID, /dev also shows the credentials of the demo tenant. It is called per request.
	DemoClientID func() string
	// Connections returns the tenant's connections as they are now, so that the simulator finds the addresses of
	// configured OpenID providers and the pages can offer them. It is called per request.
	Connections func() []ConnectionInfo
	Logger      *slog.Logger
}

// ConnectionInfo is what the dev surface wants to know of a connection.
type ConnectionInfo struct {
	Name, Strategy string
	Options        map[string]any
}

// Dev is the dev surface.
type Dev struct {
	issuer  string // ends in "/"
	base    string // the issuer's path, ends in "/"
	origin  string // the issuer without path
	demo    func() string
	clock   *Clock
	outbox  *Outbox
	conns   func() []ConnectionInfo
	log     *slog.Logger
	pages   *template.Template
	sim     *simulator
	handler http.Handler
}

//go:embed assets/dev.css assets/app.js assets/submit.js
var assets embed.FS

//go:embed pages/*.html
var pageFiles embed.FS

// New builds the dev surface, with fresh signing keys for the simulated providers.
func New(opts Options) (*Dev, error) {
	issuer, err := url.Parse(opts.Issuer)
	if err != nil {
		return nil, fmt.Errorf("dev issuer: %w", err)
	}
	if issuer.Host == "" || !strings.HasSuffix(issuer.Path, "/") {
		return nil, fmt.Errorf("dev issuer %q: want an absolute URL that ends in /", opts.Issuer)
	}
	if opts.Clock == nil || opts.Outbox == nil || opts.DemoClientID == nil || opts.Connections == nil || opts.Logger == nil {
		return nil, errors.New("dev: Clock, Outbox, DemoClientID, Connections and Logger are required")
	}
	pages, err := template.New("").Funcs(template.FuncMap{"linkify": linkify}).ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("dev pages: %w", err)
	}
	d := &Dev{
		issuer: opts.Issuer, base: issuer.Path, origin: issuer.Scheme + "://" + issuer.Host, demo: opts.DemoClientID,
		clock: opts.Clock, outbox: opts.Outbox, conns: opts.Connections, log: opts.Logger, pages: pages,
	}
	if d.sim, err = newSimulator(d); err != nil {
		return nil, err
	}
	d.handler = d.routes()
	return d, nil
}

// Handler serves /dev and everything below it; it expects the full path.
func (d *Dev) Handler() http.Handler { return d.handler }

func (d *Dev) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /dev", d.indexPage)
	mux.HandleFunc("GET /dev/{$}", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, d.base+"dev", http.StatusPermanentRedirect)
	})
	mux.HandleFunc("GET /dev/app", d.appPage)
	mux.HandleFunc("GET /dev/app/app.js", d.asset("assets/app.js"))
	mux.HandleFunc("GET /dev/assets/dev.css", d.asset("assets/dev.css"))
	mux.HandleFunc("GET /dev/assets/submit.js", d.asset("assets/submit.js"))
	mux.HandleFunc("GET /dev/mail", d.mailPage)
	mux.HandleFunc("GET /dev/mail.json", d.mailJSON)
	mux.HandleFunc("GET /dev/clock", d.readClock)
	mux.HandleFunc("POST /dev/clock", d.moveClock)
	mux.HandleFunc("/dev/idp/{host}/{path...}", d.sim.serve)

	// Requests of other sites' pages are refused: a page on the web must not move the clock or answer for a provider.
	// Servers and command-line tools send neither Origin nor Sec-Fetch-Site and pass.
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		d.writeError(w, http.StatusForbidden, "access_denied", "this request comes from another site's page")
	}))
	return protection.Handler(mux)
}

// csp is the policy of pages that run no script and show no foreign content.
const csp = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// render writes a page. It is rendered into memory first, so that a template error can't leave half a page behind.
func (d *Dev) render(w http.ResponseWriter, status int, policy, name string, data any) {
	var body bytes.Buffer
	if err := d.pages.ExecuteTemplate(&body, name, data); err != nil {
		d.log.Error("rendering a dev page", "page", name, "error", err)
		http.Error(w, "This page could not be rendered; the log says why.", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Cache-Control", "no-store")
	// Under no-referrer browsers send "Origin: null" with a form, and over plain http to another host than localhost
	// nothing else would tell its POST from another site's.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	d.write(w, body.Bytes())
}

func (d *Dev) asset(name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		http.ServeFileFS(w, r, assets, name)
	}
}

func (d *Dev) writeJSON(w http.ResponseWriter, status int, value any) {
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		d.log.Error("encoding a dev answer", "error", err)
		http.Error(w, `{"error":"server_error"}`, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	d.write(w, body.Bytes())
}

type errorBody struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

func (d *Dev) writeError(w http.ResponseWriter, status int, code, description string) {
	d.writeJSON(w, status, errorBody{code, description})
}

// write sends a body; a client that went away is worth no more than a debug line.
func (d *Dev) write(w io.Writer, body []byte) {
	if _, err := w.Write(body); err != nil {
		d.log.Debug("writing a dev answer", "error", err)
	}
}

func isForm(r *http.Request) bool {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

// advanceOf returns the "advance" of a JSON body or a form.
func advanceOf(body io.ReadCloser, r *http.Request) (string, error) {
	r.Body = body
	if isForm(r) {
		if err := r.ParseForm(); err != nil {
			return "", errors.New("the form can't be read")
		}
		return r.PostForm.Get("advance"), nil
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return "", errors.New("the body can't be read, or is too long")
	}
	object, err := parseObject(text)
	if err != nil {
		return "", err
	}
	for name := range object {
		if name != "advance" {
			return "", fmt.Errorf("unknown key %q (allowed: advance)", name)
		}
	}
	advance, ok := object["advance"].(string)
	if !ok {
		return "", errors.New(`advance: want a duration as a string, such as "180s"`)
	}
	return advance, nil
}

// redirectConnections are those with an identity provider to go to, by name.
func (d *Dev) redirectConnections() []ConnectionInfo {
	local := []string{"auth0", "email", "sms", "ad"}
	found := slices.DeleteFunc(slices.Clone(d.conns()), func(c ConnectionInfo) bool { return slices.Contains(local, c.Strategy) })
	slices.SortFunc(found, func(a, b ConnectionInfo) int { return cmp.Compare(a.Name, b.Name) })
	return found
}
