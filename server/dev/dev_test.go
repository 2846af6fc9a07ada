package dev_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/server/dev"
)

// world is a running dev surface and the two who use it: a browser and a server-side client whose https requests arrive at
// the simulated providers.
type world struct {
	url     string // issuer, ends in /
	clock   *dev.Clock
	outbox  *dev.Outbox
	browser *http.Client // follows nothing
	server  *http.Client
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

var connections = []dev.ConnectionInfo{
	{Name: "Username-Password-Authentication", Strategy: "auth0"},
	{Name: "google-oauth2", Strategy: "google-oauth2"},
	{Name: "github", Strategy: "github"},
	{Name: "acme-oidc", Strategy: "oidc", Options: map[string]any{"discovery_url": "https://acme.idp.example/.well-known/openid-configuration"}},
	{Name: "odd-oidc", Strategy: "oidc", Options: map[string]any{
		"issuer": "https://odd.example/tenant/", "authorization_endpoint": "https://login.odd.example/begin",
		"token_endpoint": "https://api.odd.example/exchange", "userinfo_endpoint": "https://api.odd.example/me", "jwks_uri": "https://odd.example/k",
	}},
}

func newWorld(t *testing.T) *world {
	t.Helper()
	var handler http.Handler
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	clock := dev.NewClock(func() time.Time { return start })
	w := &world{url: server.URL + "/", clock: clock, outbox: dev.NewOutbox(clock.Now)}
	d, err := dev.New(dev.Options{
		Issuer: w.url, Clock: clock, Outbox: w.outbox, DemoClientID: func() string { return dev.DemoSPAClientID },
		Connections: func() []dev.ConnectionInfo { return connections }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	handler = d.Handler()
	w.browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.server = &http.Client{Transport: rewrite(w.url)}
	return w
}

// rewrite sends https://HOST/PATH to the simulated providers below an issuer.
type rewrite string

func (to rewrite) RoundTrip(r *http.Request) (*http.Response, error) {
	moved := r.Clone(r.Context())
	u, err := url.Parse(simulated(string(to), r.URL.String()))
	if err != nil {
		return nil, err
	}
	moved.URL, moved.Host = u, u.Host
	return http.DefaultTransport.RoundTrip(moved)
}

func simulated(issuer, address string) string {
	return issuer + "dev/idp/" + strings.TrimPrefix(address, "https://")
}

// send makes a request and returns the answer with its body.
func send(t *testing.T, client *http.Client, method, address string, body io.Reader, headers ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

const formType = "application/x-www-form-urlencoded"

func TestClockMovesForward(t *testing.T) {
	w := newWorld(t)
	resp, body := send(t, w.browser, "POST", w.url+"dev/clock", strings.NewReader(`{"advance":"180s"}`), "Content-Type", "application/json")
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, body)
	}
	_, body = send(t, w.browser, "GET", w.url+"dev/clock", nil)
	var got map[string]string
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"now": "2026-03-01T12:03:00Z", "offset": "3m0s"}, got); diff != "" {
		t.Error(diff)
	}
	if !w.clock.Now().Equal(start.Add(3 * time.Minute)) {
		t.Errorf("the clock says %v", w.clock.Now())
	}
	resp, _ = send(t, w.browser, "POST", w.url+"dev/clock", strings.NewReader("advance=1h"), "Content-Type", formType, "Sec-Fetch-Site", "same-origin")
	if resp.StatusCode != 303 || w.clock.Offset() != time.Hour+3*time.Minute {
		t.Errorf("form: %d, offset %v", resp.StatusCode, w.clock.Offset())
	}
}

func TestClockRefuses(t *testing.T) {
	w := newWorld(t)
	tests := []struct{ name, body, says string }{
		{"backwards", `{"advance":"-1s"}`, "only moves forward"},
		{"nothing", `{"advance":"0s"}`, "only moves forward"},
		{"centuries", `{"advance":"2000000h"}`, "can't be more than"},
		{"overflow", `{"advance":"99999999999h"}`, "not a duration"},
		{"no unit", `{"advance":"180"}`, "not a duration"},
		{"a number", `{"advance":180}`, "as a string"},
		{"missing", `{}`, "as a string"},
		{"unknown key", `{"advance":"1s","to":"x"}`, `unknown key "to"`},
		{"twice", `{"advance":"1s","advance":"2s"}`, "given twice"},
		{"other case", `{"Advance":"1s"}`, `unknown key "Advance"`},
		{"no JSON", `advance`, "not JSON"},
		{"half", `{"advance":`, "ends too early"},
		{"more after it", `{"advance":"1s"} {}`, "follows"},
		{"a list", `["1s"]`, "not a JSON object"},
		{"too long", `{"advance":"` + strings.Repeat("1", 70_000) + `s"}`, "too long"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			resp, body := send(t, w.browser, "POST", w.url+"dev/clock", strings.NewReader(test.body), "Content-Type", "application/json")
			var got struct {
				Error       string `json:"error"`
				Description string `json:"error_description"`
			}
			if err := json.Unmarshal([]byte(body), &got); err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != 400 || got.Error != "invalid_request" || !strings.Contains(got.Description, test.says) {
				t.Errorf("%d %s, want 400 that says %q", resp.StatusCode, body, test.says)
			}
			if w.clock.Offset() != 0 {
				t.Errorf("the clock moved by %v", w.clock.Offset())
			}
		})
	}
}

func TestOtherSitesPagesCannotPost(t *testing.T) {
	w := newWorld(t)
	resp, _ := send(t, w.browser, "POST", w.url+"dev/clock", strings.NewReader("advance=1h"), "Content-Type", formType, "Sec-Fetch-Site", "cross-site")
	if resp.StatusCode != 403 || w.clock.Offset() != 0 {
		t.Errorf("%d, offset %v", resp.StatusCode, w.clock.Offset())
	}
	resp, _ = send(t, w.browser, "POST", w.url+"dev/clock", strings.NewReader("advance=1h"), "Content-Type", formType, "Origin", "https://evil.example")
	if resp.StatusCode != 403 {
		t.Errorf("foreign origin: %d", resp.StatusCode)
	}
}

func TestInboxShowsNewestFirst(t *testing.T) {
	w := newWorld(t)
	if _, body := send(t, w.browser, "GET", w.url+"dev/mail.json", nil); strings.TrimSpace(body) != "[]" {
		t.Errorf("empty inbox: %s", body)
	}
	w.outbox.Add(dev.Message{ID: "a", Kind: dev.KindSMS, To: "+4790000000", From: "Demo", Text: "Your code is 123456"})
	if err := w.clock.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	w.outbox.Add(dev.Message{
		ID: "b", Kind: dev.KindEmail, To: "ada@example.com", From: "demo@example.com", Subject: `Verify <b>"you"</b>`,
		Text: "Go to http://localhost/v?a=1&b=2.", HTML: `<p onclick="x()">Hi</p>`,
	})
	_, body := send(t, w.browser, "GET", w.url+"dev/mail.json", nil)
	var got []map[string]string
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := []map[string]string{
		{
			"id": "b", "at": "2026-03-01T12:01:00Z", "kind": "email", "to": "ada@example.com", "from": "demo@example.com",
			"subject": `Verify <b>"you"</b>`, "text": "Go to http://localhost/v?a=1&b=2.", "html": `<p onclick="x()">Hi</p>`,
		},
		{
			"id": "a", "at": "2026-03-01T12:00:00Z", "kind": "sms", "to": "+4790000000", "from": "Demo",
			"subject": "", "text": "Your code is 123456", "html": "",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	golden(t, w, "mail", "dev/mail")
}

func TestOutboxForgetsTheOldest(t *testing.T) {
	outbox := dev.NewOutbox(func() time.Time { return start })
	var first, last dev.Message
	for i := range 1003 {
		m := outbox.Add(dev.Message{Kind: dev.KindEmail})
		if i == 3 {
			first = m
		}
		last = m
	}
	kept := outbox.Messages()
	if len(kept) != 1000 || kept[0].ID != last.ID || kept[999].ID != first.ID || first.ID == last.ID {
		t.Errorf("%d kept, from %s to %s", len(kept), kept[0].ID, kept[len(kept)-1].ID)
	}
}

func TestPages(t *testing.T) {
	w := newWorld(t)
	golden(t, w, "index", "dev")
	golden(t, w, "app", "dev/app")
	golden(t, w, "idp", "dev/idp/acme.idp.example/authorize?"+authorizeQuery(w, "client_id", "c1", "login_hint", "bjork@acme.example").Encode())
	golden(t, w, "idp-error", "dev/idp/acme.idp.example/authorize?client_id=c1&redirect_uri=https://evil.example/")
	for _, path := range []string{"dev/app/app.js", "dev/assets/dev.css", "dev/assets/submit.js"} {
		if resp, _ := send(t, w.browser, "GET", w.url+path, nil); resp.StatusCode != 200 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if resp, _ := send(t, w.browser, "GET", w.url+"dev/nothing", nil); resp.StatusCode != 404 {
		t.Errorf("unknown page: %d", resp.StatusCode)
	}
}

func TestAppWithoutClientSaysSo(t *testing.T) {
	clock := dev.NewClock(func() time.Time { return start })
	d, err := dev.New(dev.Options{
		Issuer: "http://localhost:3000/", Clock: clock, Outbox: dev.NewOutbox(clock.Now), DemoClientID: func() string { return "" },
		Connections: func() []dev.ConnectionInfo { return nil }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{"/dev/app": "has no client for this app", "/dev": "No connection of this tenant"} {
		rec := httptest.NewRecorder()
		d.Handler().ServeHTTP(rec, httptest.NewRequest("GET", path, nil))
		if !strings.Contains(rec.Body.String(), says) || strings.Contains(rec.Body.String(), dev.DemoPassword) {
			t.Errorf("%s: %s", path, rec.Body)
		}
	}
}

func TestNewRefusesHalfOptions(t *testing.T) {
	clock := dev.NewClock(time.Now)
	full := dev.Options{
		Issuer: "http://localhost:3000/", Clock: clock, Outbox: dev.NewOutbox(clock.Now),
		Connections: func() []dev.ConnectionInfo { return nil }, Logger: slog.New(slog.DiscardHandler),
	}
	for name, change := range map[string]func(*dev.Options){
		"no issuer":       func(o *dev.Options) { o.Issuer = "" },
		"no final slash":  func(o *dev.Options) { o.Issuer = "http://localhost:3000" },
		"unusable issuer": func(o *dev.Options) { o.Issuer = "http://local host/" },
		"no clock":        func(o *dev.Options) { o.Clock = nil },
		"no logger":       func(o *dev.Options) { o.Logger = nil },
	} {
		opts := full
		change(&opts)
		if _, err := dev.New(opts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// golden compares a page, its status and its policy with testdata/NAME.golden.html; UPDATE_GOLDEN=1 rewrites that.
func golden(t *testing.T, w *world, name, path string) {
	t.Helper()
	resp, body := send(t, w.browser, "GET", w.url+path, nil)
	got := "<!-- " + resp.Status + "; " + resp.Header.Get("Content-Security-Policy") + " -->\n" + body
	got = strings.NewReplacer(w.url, "ISSUER/", strings.TrimSuffix(w.url, "/"), "ORIGIN", url.QueryEscape(w.url), "ISSUER%2F").Replace(got)
	file := "testdata/" + name + ".golden.html"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}
