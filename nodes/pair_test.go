package nodes_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/internal/blackbox"
	"github.com/latchkey-id/latchkey/internal/faultproxy"
	"github.com/latchkey-id/latchkey/internal/testservices"
)

func TestMain(m *testing.M) { os.Exit(blackbox.Main(m)) }

const (
	callback  = "https://app.test/cb"
	password  = "Passw0rd-of-a-person!"
	m2mSecret = "m2m-client-secret-m2m-client-secret-m2m-client-secret"
	webSecret = "web-client-secret-web-client-secret-web-client-secret"
	audience  = "https://api.test"
	patience  = 20 * time.Second
	crowd     = 64
)

const tenantFile = `
tenant: {friendly_name: Nodes, default_directory: db}
resourceServers:
  - {name: api, identifier: "` + audience + `", signing_alg: RS256, allow_offline_access: true, scopes: [{value: "read:things"}]}
clients:
  - {name: spa, client_id: spa, app_type: spa, token_endpoint_auth_method: none, is_first_party: true, oidc_conformant: true,
     callbacks: ["` + callback + `"], allowed_logout_urls: ["https://app.test/bye"], grant_types: [authorization_code, refresh_token],
     refresh_token: {rotation_type: rotating, expiration_type: expiring, leeway: 0, token_lifetime: 2592000, idle_token_lifetime: 1296000}}
  - {name: third, client_id: third, app_type: spa, token_endpoint_auth_method: none, is_first_party: false, oidc_conformant: true,
     callbacks: ["` + callback + `"], grant_types: [authorization_code, refresh_token]}
  - {name: web, client_id: web, client_secret: ` + webSecret + `, app_type: regular_web, token_endpoint_auth_method: client_secret_post,
     is_first_party: true, oidc_conformant: true, callbacks: ["https://web.test/cb"], grant_types: [password]}
  - {name: m2m, client_id: m2m, client_secret: ` + m2mSecret + `, app_type: non_interactive, token_endpoint_auth_method: client_secret_post,
     is_first_party: true, oidc_conformant: true, grant_types: [client_credentials]}
clientGrants:
  - {client_id: m2m, audience: "##LATCHKEY_ISSUER##api/v2/",
     scope: ["read:users", "update:users", "create:users", "read:connections", "update:connections"]}
  - {client_id: third, audience: "` + audience + `", scope: ["read:things"]}
databases:
  - {name: db, strategy: auth0, enabled_clients: [spa, third, web], options: {passwordPolicy: low}}
connections:
  - name: up
    strategy: oidc
    enabled_clients: [spa, third]
    options: {type: back_channel, client_id: c, client_secret: s, issuer: "##UPSTREAM##", scope: openid profile email}
users:
  - {connection: db, email: ada@example.com, email_verified: true, password: "` + password + `", name: Ada}
`

// pair is two nodes behind a balancer, of which the embedded Server is the public address.
type pair struct {
	*blackbox.Server
	balancer *balancer
	nodes    [2]*blackbox.Server
	upstream *blackbox.Upstream
	postgres *faultproxy.Proxy
	redis    *faultproxy.Proxy // nil where the Redis is given
	redisAt  *testservices.RedisNode
	database string // the database's own address, past the proxy

	mu    sync.Mutex
	token string // for the Management API
}

// setup says what is different about a pair.
type setup struct {
	redis string // another Redis than a single server behind a proxy
	pool  string // parameters for the database's address
	yaml  string // further configuration
}

// newPair starts everything; it ends with the test.
func newPair(t *testing.T, s setup) *pair {
	t.Helper()
	p := &pair{database: testservices.Postgres(t), balancer: newBalancer(t), upstream: blackbox.NewUpstream(t)}
	p.upstream.Plain = true
	at, err := url.Parse(p.database)
	if err != nil {
		t.Fatal(err)
	}
	p.postgres = faultproxy.New(t, at.Host)
	at.Host = p.postgres.Addr
	if s.redis == "" {
		p.redisAt = testservices.RedisServer(t)
		p.redis = faultproxy.New(t, p.redisAt.Addr)
		s.redis = "redis://" + p.redis.Addr
	}
	p.Server = blackbox.At(t, p.balancer.URL)
	config, err := json.Marshal(map[string]any{
		"issuer": p.Issuer, "database": at.String() + s.pool, "sessions": s.redis,
		"encryption_key": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"upstream":       map[string]any{"allow_private_networks": true},
	})
	if err != nil {
		t.Fatal(err)
	}
	text := string(config) // JSON is YAML
	if s.yaml != "" {
		text = strings.TrimSuffix(text, "}") + ", " + s.yaml + "}"
	}
	for i := range p.nodes {
		p.nodes[i] = blackbox.Start(t, blackbox.Options{Dir: t.TempDir(), Config: text, Issuer: p.Issuer})
	}
	p.balancer.serve(p.nodes[:]...)
	p.apply(t, tenantFile)
	return p
}

// apply brings a tenant file in and waits until both nodes know the last of its clients.
func (p *pair) apply(t *testing.T, text string) {
	t.Helper()
	text = strings.ReplaceAll(strings.ReplaceAll(text, "##LATCHKEY_ISSUER##", p.Issuer), "##UPSTREAM##", p.upstream.Origin("idp"))
	p.nodes[0].Run("tenant", "apply", p.nodes[0].WriteFile("tenant.yaml", text))
	for _, node := range p.nodes {
		blackbox.Eventually(t, patience, "both nodes know the tenant", func() bool {
			return machine(t, node, p.Issuer).Status == http.StatusOK
		})
	}
}

// machine asks for a token for the Management API.
func machine(t testing.TB, at *blackbox.Server, issuer string) blackbox.Answer {
	return at.PostForm(t, "/oauth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"m2m"}, "client_secret": {m2mSecret}, "audience": {issuer + "api/v2/"},
	})
}

// admin returns the header of a request to the Management API.
func (p *pair) admin(t testing.TB) http.Header {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.token == "" {
		answer := machine(t, p.Server, p.Issuer)
		if answer.Status != http.StatusOK {
			t.Fatal(answer.Error())
		}
		p.token = answer.Text("access_token")
	}
	return http.Header{"Authorization": {"Bearer " + p.token}}
}

// manage sends JSON to the Management API of a node or of the pair.
func (p *pair) manage(t testing.TB, at *blackbox.Server, method, path, body string) blackbox.Answer {
	t.Helper()
	return at.Do(t, method, "/api/v2/"+path, "application/json", body, p.admin(t))
}

func (p *pair) app(t testing.TB, id string) *blackbox.App {
	return blackbox.NewApp(t, p.Server, id, "", callback)
}

func (p *pair) browser(t testing.TB) *blackbox.Browser {
	return blackbox.NewBrowser(t, p.Server, "https://app.test/")
}

// at is an app that talks to one node only.
func at(t testing.TB, node *blackbox.Server, id string) *blackbox.App {
	return blackbox.NewApp(t, node, id, "", callback)
}

// register makes the provider know somebody and returns their name there.
func (p *pair) register(name string) string {
	p.upstream.Register(name, blackbox.Person{Claims: map[string]any{"sub": name, "email": name + "@example.com", "email_verified": true}})
	return name
}

func through(name string) url.Values {
	return url.Values{"connection": {"up"}, "login_hint": {name}}
}

// mustOpen logs in at the provider and returns the app's tokens.
func (p *pair) logIn(t testing.TB, app *blackbox.App, browser *blackbox.Browser, name string) blackbox.Answer {
	t.Helper()
	flow := app.Authorize(through(name))
	return exchanged(t, app, flow, browser.Open(flow.URL))
}

// exchanged ends a log-in whose browser has come to the app.
func exchanged(t testing.TB, app *blackbox.App, flow blackbox.Flow, page *blackbox.Page) blackbox.Answer {
	t.Helper()
	if !page.App || page.Param("code") == "" || page.Param("state") != flow.State {
		t.Errorf("the browser is at %s with %d:\n%s", page.URL, page.Status, page.Body)
		return blackbox.Answer{Status: page.Status}
	}
	tokens := app.Exchange(flow, page.Param("code"), nil)
	if tokens.Status != http.StatusOK {
		t.Errorf("the exchange gives %s", tokens.Error())
	}
	return tokens
}

// fill submits the page's form, if it has one.
func fill(t testing.TB, browser *blackbox.Browser, page *blackbox.Page, values url.Values) *blackbox.Page {
	t.Helper()
	if len(page.Forms) == 0 {
		t.Errorf("%s answers %d without a form:\n%s", page.URL, page.Status, page.Body)
		return page
	}
	form := page.Forms[0]
	sent := maps.Clone(form.Values)
	maps.Copy(sent, values)
	return browser.Post(form.Action, sent)
}

// withPassword logs somebody in who has a password, or signs them up.
func (p *pair) withPassword(t testing.TB, app *blackbox.App, browser *blackbox.Browser, email string, signUp bool) blackbox.Answer {
	t.Helper()
	asks, values := url.Values{}, url.Values{"username": {email}, "password": {password}}
	if signUp {
		asks, values = url.Values{"screen_hint": {"signup"}}, url.Values{"email": {email}, "password": {password}}
	}
	flow := app.Authorize(asks)
	return exchanged(t, app, flow, fill(t, browser, browser.Open(flow.URL), values))
}

// rows reads the first column of a query, as text, from the database itself.
func (p *pair) rows(t testing.TB, query string, args ...any) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	found, err := conn.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// execute changes something in the database itself.
func (p *pair) execute(t testing.TB, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), p.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// sound checks what must be true whatever happened: nobody is there twice, and no family has two live tokens.
func (p *pair) sound(t testing.TB) {
	t.Helper()
	for what, query := range map[string]string{
		"addresses with several users":        "SELECT email_lower FROM users WHERE email_lower IS NOT NULL GROUP BY email_lower HAVING count(*) > 1",
		"users without an identity":           "SELECT id FROM users u WHERE NOT EXISTS (SELECT 1 FROM user_identities i WHERE i.user_id = u.id)",
		"families with several live tokens":   "SELECT grant_id FROM refresh_tokens WHERE retired_at = 0 GROUP BY grant_id HAVING count(*) > 1",
		"live tokens of grants that are over": "SELECT g.id FROM grants g JOIN refresh_tokens r ON r.grant_id = g.id WHERE g.revoked",
	} {
		if got := p.rows(t, query); len(got) > 0 {
			t.Errorf("%d %s: %v", len(got), what, got[:min(5, len(got))])
		}
	}
}

// idOf is the only user with an address.
func (p *pair) idOf(t testing.TB, email string) string {
	t.Helper()
	ids := p.rows(t, "SELECT id FROM users WHERE email_lower = $1", email)
	if len(ids) != 1 {
		t.Fatalf("%s is stored as users %v", email, ids)
	}
	return ids[0]
}

// noErrors checks that neither node answered a request with a 500 or panicked.
func (p *pair) noErrors(t testing.TB) {
	t.Helper()
	for i, node := range p.nodes {
		for line := range strings.Lines(node.Logs()) {
			var entry struct {
				Msg    string `json:"msg"`
				Status int    `json:"status"`
			}
			if json.Unmarshal([]byte(line), &entry) == nil && (entry.Status == http.StatusInternalServerError || entry.Msg == "handler panicked") {
				t.Errorf("node %d: %s%s", i, line, causes(node.Logs()))
				return
			}
		}
	}
}

// causes are the lines of a log that say why.
func causes(logs string) string {
	var found []string
	for line := range strings.Lines(logs) {
		if strings.Contains(line, `"request failed"`) || strings.Contains(line, `"page failed"`) || strings.Contains(line, "panicked") {
			found = append(found, line)
		}
	}
	return strings.Join(found[:min(3, len(found))], "")
}

// atOnce runs work n times at the same moment and returns the results in order.
func atOnce[T any](n int, work func(int) T) []T {
	results, start := make([]T, n), make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-start
			results[i] = work(i)
		})
	}
	close(start)
	running.Wait()
	return results
}

// statuses counts answers by status.
func statuses(answers []blackbox.Answer) map[int]int {
	count := map[int]int{}
	for _, answer := range answers {
		count[answer.Status]++
	}
	return count
}

// only tells whether all answers have the status.
func only(t testing.TB, what string, status int, answers []blackbox.Answer) {
	t.Helper()
	if got := statuses(answers); got[status] != len(answers) {
		first := slices.IndexFunc(answers, func(a blackbox.Answer) bool { return a.Status != status })
		t.Errorf("%s: statuses %v, want only %d; one is %s", what, got, status, answers[first].Body)
	}
}
