package attacks_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// wounded is a site with everything on its way that a fault of Redis can hit.
type wounded struct {
	*site
	app       *blackbox.App
	browser   *blackbox.Browser // logged in
	live      blackbox.Answer   // tokens of that log-in
	revoked   blackbox.Answer   // tokens that were revoked by their app
	flow      blackbox.Flow
	code      string // not yet exchanged, of flow
	usedFlow  blackbox.Flow
	usedCode  string
	stranger  *blackbox.Browser // stands before the log-in page
	loginPage *blackbox.Page
}

func newWounded(t *testing.T) *wounded {
	t.Helper()
	w := &wounded{site: twoNodes(t)}
	w.app = spaAt(t, w.nodes[0])
	w.browser, w.stranger = browserAt(t, w.nodes[0]), browserAt(t, w.nodes[0])
	w.live = w.logIn(t, w.nodes[0], w.browser, "live")
	w.revoked = w.logIn(t, w.nodes[0], browserAt(t, w.nodes[0]), "revoked")
	if a := w.app.Revoke(w.revoked.Text("refresh_token"), nil); a.Status != http.StatusOK {
		t.Fatal(a.Error())
	}
	w.usedFlow = w.app.Authorize(nil)
	w.usedCode = w.browser.Open(w.usedFlow.URL).Param("code")
	if a := w.app.Exchange(w.usedFlow, w.usedCode, nil); a.Status != http.StatusOK {
		t.Fatal(a.Error())
	}
	w.flow = w.app.Authorize(nil)
	w.code = w.browser.Open(w.flow.URL).Param("code")
	w.loginPage = w.stranger.Open(w.app.Authorize(nil).URL)
	return w
}

// costsALogIn checks that what was in Redis is gone without a trace, and that nothing that ended is back.
func (w *wounded) costsALogIn(t *testing.T) {
	t.Helper()
	for i, node := range w.nodes {
		if page := silently(t, node, w.browser); page.Param("error") != "login_required" {
			t.Errorf("node %d: the lost session leads to %d %s", i, page.Status, page.URL)
		}
		invalidGrant(t, spaAt(t, node).Exchange(w.flow, w.code, nil))
		invalidGrant(t, spaAt(t, node).Exchange(w.usedFlow, w.usedCode, nil))
		if a := node.Userinfo(t, w.live.Text("access_token")); a.Status != http.StatusOK {
			t.Errorf("node %d: the access token's userinfo is %d", i, a.Status)
		}
	}
	refusesPage(t, w.stranger.Submit(w.loginPage, url.Values{"username": {"ada@example.com"}, "password": {password}}))
	w.revocationHolds(t)
	again := w.app.Refresh(w.live.Text("refresh_token"), nil)
	if again.Status != http.StatusOK {
		t.Errorf("the refresh token, which is in the database: %s", again.Error())
	}
	for i, node := range w.nodes {
		w.logIn(t, node, w.browser, "live")
		if page := silently(t, w.node(i+1), w.browser); page.Param("code") == "" {
			t.Errorf("logged in at node %d, the other one says %d %s", i, page.Status, page.URL)
		}
	}
}

func (w *wounded) revocationHolds(t *testing.T) {
	t.Helper()
	for i, node := range w.nodes {
		invalidGrant(t, spaAt(t, node).Refresh(w.revoked.Text("refresh_token"), nil))
		if a := node.Userinfo(t, w.revoked.Text("access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("node %d: the revoked access token's userinfo is %d", i, a.Status)
		}
	}
}

// ours lists our keys in Redis.
func ours(t *testing.T, client *goredis.Client) []string {
	t.Helper()
	keys, err := client.Keys(t.Context(), "lk:*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func (w *wounded) client(t *testing.T) *goredis.Client {
	t.Helper()
	client := w.redis.Client()
	t.Cleanup(func() { client.Close() })
	return client
}

func TestM169_RedisKeysOfAWrongType(t *testing.T) {
	t.Parallel()
	w := newWounded(t)
	client := w.client(t)
	keys := ours(t, client)
	if len(keys) < 4 {
		t.Fatalf("only %d keys: %q", len(keys), keys)
	}
	for _, key := range keys {
		kind, err := client.Type(t.Context(), key).Result()
		if err == nil {
			err = client.Del(t.Context(), key).Err()
		}
		if err == nil && kind == "list" {
			t.Fatalf("%s is a list", key)
		}
		if err == nil {
			err = client.RPush(t.Context(), key, "planted").Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.costsALogIn(t)
	// Ending everything that somebody has works on such keys, too.
	_, claims := blackbox.Claims(t, w.live.Text("id_token"))
	for _, key := range ours(t, client) {
		if strings.HasSuffix(key, ":items") {
			if err := client.Rename(t.Context(), key, "elsewhere").Err(); err != nil {
				t.Fatal(err)
			}
			if err := client.Set(t.Context(), key, "planted", 0).Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if a := w.manage(t, w.nodes[1], http.MethodPatch, "/users/"+url.PathEscape(fmt.Sprint(claims["sub"])), map[string]any{"blocked": true}); a.Status != http.StatusOK {
		t.Errorf("block: %d %s", a.Status, a.Body)
	}
	if page := silently(t, w.nodes[0], w.browser); page.Param("code") != "" {
		t.Error("the blocked person's session serves")
	}
}

func TestM169_RedisThatEvicts(t *testing.T) {
	t.Parallel()
	w := newWounded(t)
	client := w.client(t)
	set := func(name, value string) {
		t.Helper()
		if err := client.ConfigSet(t.Context(), name, value).Err(); err != nil {
			t.Fatal(err)
		}
	}
	set("maxmemory-samples", "10")
	set("maxmemory-policy", "allkeys-lru")
	set("maxmemory", "4mb")
	filler := strings.Repeat("x", 16<<10)
	for i := 0; len(ours(t, client)) > 0; i++ {
		if i > 5000 {
			t.Fatalf("Redis keeps %q", ours(t, client))
		}
		if err := client.Set(t.Context(), fmt.Sprint("filler", i), filler, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	w.costsALogIn(t)
}

// Redis that answers after two seconds is slower than the product waits for it, or not: requests are served late or told to
// come again, and nothing is decided without it.
func TestM169_RedisThatIsSlow(t *testing.T) {
	t.Parallel()
	w := newWounded(t)
	client := w.client(t)
	if err := client.Do(t.Context(), "CLIENT", "PAUSE", 2000, "ALL").Err(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	var exchanged [2]blackbox.Answer
	atOnce(len(w.nodes)*2, func(i int) struct{} {
		node := w.node(i)
		if i < len(w.nodes) {
			exchanged[i] = spaAt(t, node).Exchange(w.flow, w.code, nil)
			return struct{}{}
		}
		browser := browserAt(t, node)
		if page := browser.Open(spaAt(t, node).Authorize(nil).URL); page.Status != http.StatusOK && page.Status != http.StatusServiceUnavailable {
			t.Errorf("the log-in page is %d", page.Status)
		}
		return struct{}{}
	})
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("answers took %s", took)
	}
	given := 0
	for _, a := range exchanged {
		switch a.Status {
		case http.StatusOK:
			given++
		case http.StatusServiceUnavailable:
			if a.Text("error") != "temporarily_unavailable" || a.Header.Get("Retry-After") == "" {
				t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
			}
		default:
			invalidGrant(t, a)
		}
	}
	if given > 1 {
		t.Error("one code gave tokens twice")
	}
	blackbox.Eventually(t, 10*time.Second, "the pause is over", func() bool { return client.Ping(t.Context()).Err() == nil })
	w.revocationHolds(t)
	for i, node := range w.nodes {
		if page := silently(t, node, w.browser); page.Param("code") == "" {
			t.Errorf("node %d forgot the session: %d %s", i, page.Status, page.URL)
		}
	}
}
