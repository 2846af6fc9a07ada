package attacks_test

// Class M: many at once, crashes, dependencies that fail. Lines of the class that other packages hold the product to:
//
//	162 sign-ups at once, embedded       also crash TestManySignUpsWithOneAddress
//	165 kill between code and exchange   crash TestAKillCostsNobodyMoreThanANewLogIn
//	167 kill inside a sign-up            crash TestAKillCostsNobodyMoreThanANewLogIn; inside a PATCH: TestM167 here
//	168 Redis down or flushed            nodes
//	172 no connection to spare           nodes
//	177 configuration changed elsewhere  nodes
//	179 mail provider down or slow       does not apply: no log-in waits for a mail yet

import (
	"context"
	"database/sql"
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the database/sql driver "sqlite"

	"github.com/latchkey-id/latchkey/internal/blackbox"
	"github.com/latchkey-id/latchkey/internal/testservices"
)

// sealingKey is the encryption key of nodes that share a database.
const sealingKey = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

var siteTenant = strings.Replace(managedTenant, `"update:users"]`, `"update:users", "create:users", "delete:users"]`, 1)

// site is a product that consists of one process with an embedded database, or of two on one PostgreSQL and one Redis. Its
// nodes have one issuer, the address of the first.
type site struct {
	nodes    []*blackbox.Server
	up       *blackbox.Upstream
	redis    *testservices.RedisNode // nil on an embedded database
	database string                  // of PostgreSQL; "" on an embedded one

	mu    sync.Mutex
	token string // for the Management API
}

// sites are the kinds of sites that there are.
var sites = map[string]func(*testing.T, ...string) *site{"embedded": embedded, "two nodes": twoNodes}

func embedded(t *testing.T, env ...string) *site {
	t.Helper()
	s := &site{up: blackbox.NewUpstream(t)}
	s.nodes = []*blackbox.Server{blackbox.Start(t, blackbox.Options{Tenant: siteTenant, Upstream: s.up.URL, Env: env})}
	t.Cleanup(func() { s.sound(t) })
	return s
}

func twoNodes(t *testing.T, env ...string) *site {
	t.Helper()
	s := &site{up: blackbox.NewUpstream(t), redis: testservices.RedisServer(t), database: testservices.Postgres(t)}
	options := blackbox.Options{Tenant: siteTenant, Upstream: s.up.URL, Env: append([]string{
		"LATCHKEY_DATABASE=" + s.database, "LATCHKEY_SESSIONS=redis://" + s.redis.Addr, "LATCHKEY_ENCRYPTION_KEY=" + sealingKey,
	}, env...)}
	first := blackbox.Start(t, options)
	options.Env = append(slices.Clone(options.Env), "LATCHKEY_ISSUER="+first.Issuer)
	second := blackbox.Start(t, options)
	second.Issuer = first.Issuer
	s.nodes = []*blackbox.Server{first, second}
	t.Cleanup(func() { s.sound(t) })
	return s
}

// node returns the nodes in turn.
func (s *site) node(i int) *blackbox.Server { return s.nodes[i%len(s.nodes)] }

var brokenServer = regexp.MustCompile(`status=500|handler panicked|goroutine \d+ \[|DATA RACE`)

// sound checks that nobody was answered 500 and that nothing panicked: what a dependency did is told by 503 at the worst.
func (s *site) sound(t *testing.T) {
	t.Helper()
	for i, node := range s.nodes {
		logs := node.Logs()
		if at := brokenServer.FindStringIndex(logs); at != nil {
			t.Errorf("node %d: %s", i, around(logs, at[0]))
		}
	}
}

func spaAt(t *testing.T, node *blackbox.Server) *blackbox.App {
	return blackbox.NewApp(t, node, "spa", "", appURL)
}

func browserAt(t *testing.T, node *blackbox.Server) *blackbox.Browser {
	return blackbox.NewBrowser(t, node, "https://app.test/")
}

// through asks for a log-in at the provider as somebody new to it, who has this name.
func (s *site) through(name string, p blackbox.Person) url.Values {
	s.up.Register(name, p)
	return url.Values{"connection": {"up"}, "login_hint": {name}}
}

// person is an honest person of the provider.
func person(name string) blackbox.Person {
	return blackbox.Person{Claims: map[string]any{"sub": name, "email": name + "@example.com", "email_verified": true}}
}

// logIn logs somebody of the provider in at the node and returns the app's tokens.
func (s *site) logIn(t *testing.T, node *blackbox.Server, browser *blackbox.Browser, name string) blackbox.Answer {
	t.Helper()
	app := spaAt(t, node)
	flow := app.Authorize(s.through(name, person(name)))
	page := browser.Open(flow.URL)
	if page.Param("code") == "" {
		t.Fatalf("%s ends at %d %s\n%s", name, page.Status, page.URL, page.Body)
	}
	tokens := app.Exchange(flow, page.Param("code"), nil)
	if tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	return tokens
}

// silently asks at the node whether the browser is logged in.
func silently(t *testing.T, node *blackbox.Server, browser *blackbox.Browser) *blackbox.Page {
	t.Helper()
	return browser.Open(spaAt(t, node).Authorize(url.Values{"prompt": {"none"}}).URL)
}

// machine asks for a token for the Management API.
func machine(t *testing.T, node *blackbox.Server) blackbox.Answer {
	t.Helper()
	return blackbox.NewApp(t, node, "machine", machineSecret, "").Token(
		url.Values{"grant_type": {"client_credentials"}, "audience": {node.Issuer + "api/v2/"}}, nil)
}

// manage calls the Management API of a node.
func (s *site) manage(t *testing.T, node *blackbox.Server, method, path string, body any) blackbox.Answer {
	t.Helper()
	s.mu.Lock()
	if s.token == "" {
		s.token = machine(t, s.nodes[0]).Text("access_token")
	}
	token := s.token
	s.mu.Unlock()
	kind, text := "", ""
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		kind, text = jsonType, string(encoded)
	}
	return node.Do(t, method, "/api/v2"+path, kind, text, http.Header{"Authorization": {"Bearer " + token}})
}

// rows reads the first column of a query, as text, from the database itself.
func (s *site) rows(t *testing.T, query string) []string {
	t.Helper()
	if s.database == "" {
		return fileRows(t, filepath.Join(s.nodes[0].Dir, "latchkey.db"), query)
	}
	conn, err := pgx.Connect(t.Context(), s.database)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	found, err := conn.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	list, err := pgx.CollectRows(found, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// fileRows is rows for a file.
func fileRows(t *testing.T, path, query string) []string {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(5000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	found, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	list := []string{}
	for found.Next() {
		var value string
		if err := found.Scan(&value); err != nil {
			t.Fatal(err)
		}
		list = append(list, value)
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
	return list
}

// atOnce runs work n times at the same moment and returns the results in order.
func atOnce[T any](n int, work func(int) T) []T {
	results, begin := make([]T, n), make(chan struct{})
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() {
			<-begin
			results[i] = work(i)
		})
	}
	close(begin)
	running.Wait()
	return results
}

// inTurns runs work n times, a few at a time.
func inTurns(n int, work func(int)) {
	const hands = 8
	var running sync.WaitGroup
	for hand := range hands {
		running.Go(func() {
			for i := hand; i < n; i += hands {
				work(i)
			}
		})
	}
	running.Wait()
}
