package attacks_test

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
	"github.com/latchkey-id/latchkey/internal/testservices"
)

// There is one schema so far, so an older one is an empty database: two nodes that start on it at once bring it up to date
// once, and both serve.
func TestM178_TwoNodesStartOnAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	file := "sqlite:" + filepath.Join(t.TempDir(), "shared.db")
	for name, database := range map[string]func(*testing.T) string{
		"file":       func(*testing.T) string { return file },
		"PostgreSQL": func(t *testing.T) string { return testservices.Postgres(t) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &site{up: blackbox.NewUpstream(t), nodes: make([]*blackbox.Server, 2)}
			env := []string{"LATCHKEY_DATABASE=" + database(t), "LATCHKEY_ENCRYPTION_KEY=" + sealingKey, "LATCHKEY_ISSUER=http://localhost:1/"}
			s.nodes = atOnce(2, func(int) *blackbox.Server {
				return blackbox.Start(t, blackbox.Options{Tenant: siteTenant, Upstream: s.up.URL, Env: env})
			})
			if t.Failed() {
				return
			}
			for i, node := range s.nodes {
				if a := node.Do(t, http.MethodGet, "/readyz", "", "", nil); a.Status != http.StatusOK {
					t.Errorf("node %d: %d %s", i, a.Status, a.Body)
				}
				app := blackbox.NewApp(t, node, "web", webSecret, webURL)
				form := url.Values{"grant_type": {realmGrant}, "realm": {"db"}, "username": {"ada@example.com"}, "password": {password}, "scope": {"openid"}}
				a := app.Token(form, nil)
				if a.Status != http.StatusOK {
					t.Fatalf("node %d: %s", i, a.Error())
				}
				if who := s.node(i+1).Userinfo(t, a.Text("access_token")); who.Status != http.StatusOK {
					t.Errorf("the other node's userinfo: %d %s", who.Status, who.Body)
				}
			}
			const versions = "SELECT cast(version_id AS text) FROM latchkey_migrations WHERE version_id > 0"
			address := strings.TrimPrefix(env[0], "LATCHKEY_DATABASE=")
			var applied []string
			if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
				applied = fileRows(t, path, versions)
			} else {
				applied = (&site{database: address}).rows(t, versions)
			}
			if !slices.Equal(applied, []string{"1"}) {
				t.Errorf("applied were the versions %q", applied)
			}
			s.sound(t)
		})
	}
}

// restoring is a product of which a backup was made, that went on, and whose backup was brought back.
type restoring struct {
	*site
	browser                  *blackbox.Browser
	rotated, revoked, erased blackbox.Answer
	code                     string
	flow                     blackbox.Flow
}

func backup(t *testing.T, dir string) (restore func()) {
	t.Helper()
	kept := t.TempDir()
	files := []string{"latchkey.db", "latchkey.db-wal", "latchkey.db-shm"}
	move := func(from, to string) {
		for _, name := range files {
			if err := os.Remove(filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if err := copyFile(filepath.Join(from, name), filepath.Join(to, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
	}
	move(dir, kept)
	return func() { move(kept, dir) }
}

// newRestoring makes the backup, goes on, and restores it; the product is not running then.
func newRestoring(t *testing.T) *restoring {
	t.Helper()
	r := &restoring{site: embedded(t)}
	node := r.nodes[0]
	app := spaAt(t, node)
	r.browser = browserAt(t, node)
	r.rotated = r.logIn(t, node, r.browser, "rotated")
	r.revoked = r.logIn(t, node, browserAt(t, node), "revoked")
	r.erased = r.logIn(t, node, browserAt(t, node), "erased")
	r.flow = app.Authorize(nil)
	r.code = r.browser.Open(r.flow.URL).Param("code")
	node.Stop()
	restore := backup(t, node.Dir)
	node.Restart()
	if a := app.Refresh(r.rotated.Text("refresh_token"), nil); a.Status != http.StatusOK {
		t.Fatal(a.Error())
	}
	if a := app.Revoke(r.revoked.Text("refresh_token"), nil); a.Status != http.StatusOK {
		t.Fatal(a.Error())
	}
	_, claims := blackbox.Claims(t, r.erased.Text("id_token"))
	if a := r.remove(t, 0, claims["sub"].(string)); a.Status != http.StatusNoContent {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	node.Stop()
	restore()
	return r
}

// nothingIsBack checks that whatever the backup brought back is of no use.
func (r *restoring) nothingIsBack(t *testing.T) {
	t.Helper()
	node := r.nodes[0]
	app := spaAt(t, node)
	if page := silently(t, node, r.browser); page.Param("error") != "login_required" {
		t.Errorf("the session of the backup leads to %d %s", page.Status, page.URL)
	}
	invalidGrant(t, app.Exchange(r.flow, r.code, nil))
	for who, tokens := range map[string]blackbox.Answer{"rotated": r.rotated, "revoked": r.revoked, "erased": r.erased} {
		if a := app.Refresh(tokens.Text("refresh_token"), nil); a.Status != http.StatusForbidden || a.Text("error") != "invalid_grant" {
			t.Errorf("%s: the refresh token of the backup gives %s", who, a.Error())
		}
		if a := node.Userinfo(t, tokens.Text("access_token")); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: userinfo answers %d", who, a.Status)
		}
	}
}

// logsInAgain checks that people are let in anew, and stay in.
func (r *restoring) logsInAgain(t *testing.T) {
	t.Helper()
	node := r.nodes[0]
	browser := browserAt(t, node)
	tokens := r.logIn(t, node, browser, "rotated")
	stillIn(t, "logged in after the restore,", node, browser, tokens)
}

func TestM178_ARestoredBackupBringsNothingBack(t *testing.T) {
	t.Parallel()
	for name, told := range map[string]func(t *testing.T, r *restoring){
		"told before the start": func(_ *testing.T, r *restoring) {
			r.nodes[0].Run("restored")
			r.nodes[0].Restart()
		},
		"told while it serves": func(t *testing.T, r *restoring) {
			node := r.nodes[0]
			node.Restart()
			node.Run("restored")
			blackbox.Eventually(t, 10*time.Second, "the server has heard", func() bool {
				return node.Userinfo(t, r.revoked.Text("access_token")).Status == http.StatusUnauthorized
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRestoring(t)
			told(t, r)
			r.nothingIsBack(t)
			r.logsInAgain(t)
			// It is told once: later starts, which bring the tenant file in again, don't forget it.
			r.nodes[0].Restart()
			r.nothingIsBack(t)
			r.logsInAgain(t)
		})
	}
}
