package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/internal/testservices"
	"github.com/latchkey-id/latchkey/tenant"
)

// running is a node that serves on loopback.
type running struct {
	t    *testing.T
	n    *node
	stop context.CancelFunc
	done chan error
	logs *output
}

// output is a log that can be read while it is written.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// startNode runs a node with people and applications until the test ends, or until end.
func startNode(t *testing.T, flags map[string]string, dev func(*node) (http.Handler, error)) *running {
	t.Helper()
	all := map[string]string{
		"listen": "127.0.0.1:0", "issuer": "http://127.0.0.1:9300/", "database": "sqlite:" + filepath.Join(t.TempDir(), "node.db"),
		"encryption_key": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "metrics.listen": "127.0.0.1:0", "trusted_proxies": "127.0.0.1",
	}
	maps.Copy(all, flags)
	c, err := config.Load(config.Sources{Mode: config.Dev, Flags: all})
	if err != nil {
		t.Fatal(err)
	}
	r := &running{t: t, done: make(chan error, 1), logs: &output{}}
	log := slog.New(slog.NewJSONHandler(r.logs, nil))
	if r.n, err = newNode(t.Context(), c, nodeOptions{log: log, now: time.Now, dev: dev}); err != nil {
		t.Fatal(err)
	}
	file, err := tenant.ParseFile("../../bench/tenant.yaml", func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	if _, err := applyFile(t.Context(), r.n, file); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	go func() { r.done <- r.n.run(ctx) }()
	t.Cleanup(func() { r.end() })
	return r
}

// end stops the node and waits until it has ended.
func (r *running) end() {
	r.stop()
	if r.done == nil {
		return
	}
	if err := <-r.done; err != nil {
		r.t.Errorf("the node ended with: %v", err)
	}
	r.done = nil
}

func (r *running) do(address, method, path, body string, header http.Header) (int, string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+address+path, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	maps.Copy(request.Header, header)
	if body != "" {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	response, err := http.DefaultTransport.RoundTrip(request) // follows no redirects
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func (r *running) public() string  { return r.n.listener.Addr().String() }
func (r *running) metrics() string { return r.n.watching.listener.Addr().String() }

// logIn logs Ada in by password and asks who she is.
func (r *running) logIn(header http.Header) (token string) {
	r.t.Helper()
	form := url.Values{
		"grant_type": {"password"}, "username": {"ada@bench.test"}, "password": {"Analytical-Engine-1843"}, "scope": {"openid profile email"},
		"client_id": {"bench"}, "client_secret": {benchSecret},
	}
	status, body := r.do(r.public(), http.MethodPost, "/oauth/token", form.Encode(), header)
	var answer map[string]any
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != http.StatusOK {
		r.t.Fatalf("log-in: status %d: %s", status, body)
	}
	token, _ = answer["access_token"].(string)
	header = maps.Clone(header)
	if header == nil {
		header = http.Header{}
	}
	header.Set("Authorization", "Bearer "+token)
	if status, body := r.do(r.public(), http.MethodGet, "/userinfo?code=hush-query", "", header); status != http.StatusOK {
		r.t.Fatalf("userinfo: status %d: %s", status, body)
	}
	return token
}

// scrape returns the samples of one family that counts, without their values.
func (r *running) scrape(family string) []string {
	r.t.Helper()
	status, body := r.do(r.metrics(), http.MethodGet, "/metrics", "", nil)
	if status != http.StatusOK {
		r.t.Fatalf("scrape: status %d: %s", status, body)
	}
	var found []string
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, family); ok && !strings.HasPrefix(rest, "_") {
			found = append(found, rest[:strings.LastIndex(rest, " ")])
		}
	}
	return found
}

func TestOperatorsScrapeARunningNode(t *testing.T) {
	r := startNode(t, nil, nil)
	token := r.logIn(nil)
	r.do(r.public(), http.MethodGet, "/wp-login.php?user=hush-query", "", nil)
	r.do(r.public(), "BREW", "/hush-path", "", nil)
	r.do(r.public(), http.MethodGet, "/healthz", "", nil)

	if diff := cmp.Diff([]string{
		`{method="GET",route="/healthz",status="2xx"}`,
		`{method="GET",route="/userinfo",status="2xx"}`,
		`{method="GET",route="unmatched",status="4xx"}`,
		`{method="POST",route="/oauth/token",status="2xx"}`,
		`{method="_OTHER",route="unmatched",status="4xx"}`,
	}, r.scrape("latchkey_http_request_duration_seconds_count")); diff != "" {
		t.Errorf("requests -want +got:\n%s", diff)
	}
	calls := r.scrape("latchkey_store_call_duration_seconds_count")
	shape := regexp.MustCompile(`^\{method="[a-z_]+",outcome="(ok|not_found|refused)",store="(audit|ephemeral|grants|keys|tenant|users)"\}$`)
	for _, series := range calls {
		if !shape.MatchString(series) {
			t.Errorf("series of a store: %s", series)
		}
	}
	for _, want := range []string{`{method="by_login",outcome="ok",store="users"}`, `{method="get_grant",outcome="ok",store="grants"}`} {
		if !slices.Contains(calls, want) {
			t.Errorf("%s is missing in:\n%s", want, strings.Join(calls, "\n"))
		}
	}
	for _, family := range []string{
		"latchkey_http_requests_in_flight", "latchkey_build_info", "latchkey_passwords_waiting", "latchkey_passwords_running_max",
		"go_goroutines", "process_start_time_seconds",
	} {
		if len(r.scrape(family)) != 1 {
			t.Errorf("%s is not there", family)
		}
	}
	_, body := r.do(r.metrics(), http.MethodGet, "/metrics", "", nil)
	for _, secret := range []string{"hush", "ada@", "bench.test", token, "127.0.0.1"} {
		if strings.Contains(body, secret) {
			t.Errorf("%q can be scraped", secret)
		}
	}
	if strings.Contains(r.logs.String(), "hush") || strings.Contains(r.logs.String(), token) {
		t.Errorf("a query or a token is logged:\n%s", r.logs)
	}
}

func TestMetricsHaveTheirOwnListener(t *testing.T) {
	r := startNode(t, nil, nil)
	for path, want := range map[string]int{"/metrics": 200, "/": 404, "/userinfo": 404, "/metrics/": 404, "/debug/pprof/": 404} {
		if status, _ := r.do(r.metrics(), http.MethodGet, path, "", nil); status != want {
			t.Errorf("%s at the metrics' address: status %d, want %d", path, status, want)
		}
	}
	if status, _ := r.do(r.metrics(), http.MethodPost, "/metrics", "a=b", nil); status != http.StatusMethodNotAllowed {
		t.Errorf("POST: status %d", status)
	}
	if status, _ := r.do(r.public(), http.MethodGet, "/metrics", "", nil); status != http.StatusNotFound {
		t.Errorf("/metrics at the public address: status %d", status)
	}
	quiet := startNode(t, map[string]string{"metrics.listen": ""}, nil)
	quiet.logIn(nil)
	if quiet.n.watching.listener != nil || quiet.n.watching.http != nil {
		t.Error("there is a listener for metrics that nobody asked for")
	}
}

// A node on PostgreSQL and Redis shows how busy its connections are, and says under which request a store failed.
func TestFailingStoresAreSeen(t *testing.T) {
	redis := testservices.RedisServer(t)
	r := startNode(t, map[string]string{"database": testservices.Postgres(t), "sessions": "redis://" + redis.Addr}, nil)
	authorize := "/authorize?" + url.Values{
		"client_id": {"bench"}, "redirect_uri": {"http://127.0.0.1:9500/cb"}, "response_type": {"code"}, "scope": {"openid"},
	}.Encode()
	if status, body := r.do(r.public(), http.MethodGet, authorize, "", nil); status != http.StatusFound {
		t.Fatalf("/authorize: status %d: %s", status, body)
	}
	if diff := cmp.Diff([]string{
		`{pool="postgres",state="idle"}`, `{pool="postgres",state="used"}`, `{pool="redis",state="idle"}`, `{pool="redis",state="used"}`,
	}, r.scrape("latchkey_pool_connections")); diff != "" {
		t.Errorf("pools -want +got:\n%s", diff)
	}
	redis.Kill()
	status, _ := r.do(r.public(), http.MethodGet, authorize, "", http.Header{"X-Request-Id": {"proxy-17"}})
	if status != http.StatusServiceUnavailable {
		t.Errorf("/authorize without Redis: status %d", status)
	}
	if want := `{method="insert",outcome="unavailable",store="ephemeral"}`; !slices.Contains(r.scrape("latchkey_store_call_duration_seconds_count"), want) {
		t.Errorf("%s is not counted", want)
	}
	for line := range strings.Lines(r.logs.String()) {
		if strings.Contains(line, `"msg":"store call failed"`) && strings.Contains(line, `"request_id":"proxy-17"`) && strings.Contains(line, `"store":"ephemeral"`) {
			return
		}
	}
	t.Errorf("the log doesn't say which request failed:\n%s", r.logs)
}

// delivered is a span as collectors read it (OpenTelemetry: OTLP Specification, JSON Protobuf Encoding).
type delivered struct {
	TraceID, SpanID, ParentSpanID, Name string
	Attributes                          []struct {
		Key   string
		Value struct{ StringValue, IntValue string }
	}
}

// delivery is what one request to a collector holds.
type delivery struct {
	ResourceSpans []struct {
		ScopeSpans []struct{ Spans []*delivered }
	}
}

// fakeCollector takes traces by OTLP over HTTP.
type fakeCollector struct {
	*httptest.Server
	status int

	mu    sync.Mutex
	raw   bytes.Buffer
	spans []*delivered
}

func newCollector(t *testing.T, status int) *fakeCollector {
	t.Helper()
	c := &fakeCollector{status: status}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var sent delivery
		if err != nil || r.Method != http.MethodPost || r.URL.Path != "/v1/traces" || json.Unmarshal(body, &sent) != nil ||
			r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s is no delivery of traces (%v)", r.Method, r.URL.Path, err)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.raw.Write(body)
		for _, process := range sent.ResourceSpans {
			for _, scope := range process.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(c.status)
	}))
	t.Cleanup(c.Close)
	return c
}

// named returns the spans by name.
func (c *fakeCollector) named() map[string]*delivered {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := map[string]*delivered{}
	for _, span := range c.spans {
		found[span.Name] = span
	}
	return found
}

// calling is a surface at /dev that asks a provider something; before that it waits for go on.
func calling(provider string, arrived chan<- struct{}, goOn <-chan struct{}) func(*node) (http.Handler, error) {
	return func(n *node) (http.Handler, error) {
		client, err := n.outside()
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-goOn
			if _, err := client.GetJSON(r.Context(), provider+"/hush-path?code=hush-query", nil); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
			}
		}), err
	}
}

// newProvider is an identity provider that wants no traces of ours.
func newProvider(t *testing.T) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Traceparent") != "" {
			t.Error("the provider is told about the trace")
		}
		w.Header().Set("Content-Type", "application/json")
		if _, err := io.WriteString(w, `{}`); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

const (
	traceID     = "4bf92f3577b34da6a3ce929d0e0e4736"
	parentID    = "00f067aa0ba902b7"
	traceparent = "00-" + traceID + "-" + parentID + "-01"
)

func TestTracesReachTheCollector(t *testing.T) {
	traces, provider := newCollector(t, http.StatusOK), newProvider(t)
	arrived, goOn := make(chan struct{}, 1), make(chan struct{})
	close(goOn)
	r := startNode(t, map[string]string{
		"tracing.otlp_endpoint": traces.URL, "tracing.sample_ratio": "0", "upstream.allow_private_networks": "true",
	}, calling(provider.URL, arrived, goOn))
	header := http.Header{"Traceparent": {traceparent}, "X-Request-Id": {"proxy-17"}, "User-Agent": {"hush-agent"}}
	token := r.logIn(header)
	if status, body := r.do(r.public(), http.MethodGet, "/dev", "", header); status != http.StatusOK {
		t.Fatalf("/dev: status %d: %s", status, body)
	}
	r.do(r.public(), http.MethodGet, "/healthz", "", nil) // is in no trace, and the ratio is 0
	r.end()

	spans := traces.named()
	for child, parent := range map[string]string{
		"POST /oauth/token": "", "GET /userinfo": "", "GET /dev": "", "grants.get_grant": "GET /userinfo", "users.by_login": "POST /oauth/token",
		"GET": "GET /dev",
	} {
		span := spans[child]
		if span == nil {
			t.Errorf("no span %s in %v", child, slices.Sorted(maps.Keys(spans)))
			continue
		}
		above := parentID
		if parent != "" {
			above = spans[parent].SpanID
		}
		if span.TraceID != traceID || span.ParentSpanID != above {
			t.Errorf("%s: trace %s below %s, want %s below %s", child, span.TraceID, span.ParentSpanID, traceID, above)
		}
	}
	if spans["GET /healthz"] != nil {
		t.Error("a request is traced although the ratio is 0")
	}
	if diff := cmp.Diff(map[string]string{
		"http.request.method": "GET", "http.route": "/userinfo", "http.response.status_code": "200", "latchkey.request_id": "proxy-17",
	}, attributes(spans["GET /userinfo"])); diff != "" {
		t.Errorf("attributes of a request -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"http.request.method": "GET", "http.response.status_code": "200", "server.address": "127.0.0.1",
	}, attributes(spans["GET"])); diff != "" {
		t.Errorf("attributes of a request to the outside -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{
		"latchkey.store": "grants", "latchkey.method": "get_grant", "latchkey.outcome": "ok",
	}, attributes(spans["grants.get_grant"])); diff != "" {
		t.Errorf("attributes of a call -want +got:\n%s", diff)
	}
	for _, secret := range []string{"hush", "ada@", "Analytical", benchSecret, token} {
		if bytes.Contains(traces.raw.Bytes(), []byte(secret)) {
			t.Errorf("%q is in the traces", secret)
		}
	}
}

func attributes(s *delivered) map[string]string {
	found := map[string]string{}
	for _, a := range s.Attributes {
		found[a.Key] = a.Value.StringValue + a.Value.IntValue
	}
	return found
}

// A stranger's traceparent neither names the trace nor has anything traced.
func TestStrangersDontDecideAboutTraces(t *testing.T) {
	for ratio, want := range map[string]int{"0": 0, "1": 1} {
		traces := newCollector(t, http.StatusOK)
		r := startNode(t, map[string]string{"tracing.otlp_endpoint": traces.URL, "tracing.sample_ratio": ratio, "trusted_proxies": "192.0.2.1"}, nil)
		r.do(r.public(), http.MethodGet, "/healthz", "", http.Header{"Traceparent": {traceparent}})
		r.end()
		if len(traces.spans) != want {
			t.Errorf("ratio %s: %d spans, want %d", ratio, len(traces.spans), want)
		}
		for _, span := range traces.spans {
			if span.TraceID == traceID || span.ParentSpanID != "" {
				t.Errorf("the span belongs to the stranger's trace: %v", span)
			}
		}
	}
}

func TestNothingIsTracedUnlessAsked(t *testing.T) {
	r := startNode(t, nil, nil)
	w := r.n.watching
	if w.tracer != nil || w.around() != nil || len(w.observers()) != 1 || w.observers()[0] != w.metrics {
		t.Errorf("tracing is installed: %+v", w)
	}
	r.logIn(http.Header{"Traceparent": {traceparent}})
}

func TestBrokenCollectorsHurtNobody(t *testing.T) {
	traces := newCollector(t, http.StatusForbidden)
	gone := newCollector(t, http.StatusOK)
	gone.Close()
	for _, endpoint := range []string{traces.URL, gone.URL} {
		r := startNode(t, map[string]string{"tracing.otlp_endpoint": endpoint}, nil)
		r.logIn(nil)
		r.end()
		if !strings.Contains(r.logs.String(), "traces are lost") {
			t.Errorf("nobody is told about lost traces:\n%s", r.logs)
		}
	}
}

// A node that is asked to stop finishes its requests, is watched meanwhile, and sends the traces of the last one.
func TestWatchingEndsLast(t *testing.T) {
	traces, provider := newCollector(t, http.StatusOK), newProvider(t)
	arrived, goOn := make(chan struct{}, 1), make(chan struct{})
	r := startNode(t, map[string]string{"tracing.otlp_endpoint": traces.URL, "upstream.allow_private_networks": "true"},
		calling(provider.URL, arrived, goOn))
	answered := make(chan int, 1)
	go func() {
		status := 0
		defer func() { answered <- status }()
		status, _ = r.do(r.public(), http.MethodGet, "/dev", "", nil)
	}()
	<-arrived
	r.stop()
	for !r.n.stopping.Load() {
		// A scrape is a small pause, and works all the time.
		r.scrape("latchkey_http_requests_in_flight")
	}
	_, body := r.do(r.metrics(), http.MethodGet, "/metrics", "", nil)
	if !strings.Contains(body, "\nlatchkey_http_requests_in_flight 1\n") {
		t.Error("the running request is not counted while the node stops")
	}
	address := r.metrics()
	close(goOn)
	if status := <-answered; status != http.StatusOK {
		t.Errorf("the running request got status %d", status)
	}
	r.end()
	if traces.named()["GET /dev"] == nil {
		t.Error("the trace of the last request is lost")
	}
	if response, err := http.Get("http://" + address + "/metrics"); err == nil {
		response.Body.Close()
		t.Error("metrics are served after the end")
	}
}
