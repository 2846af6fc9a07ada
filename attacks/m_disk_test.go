package attacks_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// mounting are the commands that may run another one in a mount namespace of its own: as root, and by a user namespace.
var mounting = [][]string{{"unshare", "--mount"}, {"unshare", "--user", "--map-root-user", "--mount"}}

const mountDisk = `mount -t tmpfs -o size=24m,mode=700 tmpfs "$0" && exec "$@"`

// disk is a small file system that only the product sees as such; the test reaches it through the product's process.
//
// Where nothing may be mounted it is the product's limit of a file's size instead, which SQLite meets like a full disk.
type disk struct {
	*site
	folder  string // as the product knows it
	limited bool
}

// newDisk starts the product with its database on a disk of its own.
func newDisk(t *testing.T) *disk {
	t.Helper()
	folder := t.TempDir()
	var said []string
	for _, command := range mounting {
		wrap := append(append([]string{}, command...), "sh", "-c", mountDisk, folder)
		output, err := exec.CommandContext(t.Context(), wrap[0], append(wrap[1:], "true")...).CombinedOutput()
		if err == nil {
			return startOn(t, &disk{folder: folder}, wrap)
		}
		said = append(said, fmt.Sprintf("%s: %v %s", strings.Join(command, " "), err, output))
	}
	if _, err := exec.LookPath("prlimit"); err == nil {
		return startOn(t, &disk{folder: folder, limited: true}, nil)
	}
	why := "NOT TESTED: a small disk can't be mounted and prlimit is missing:\n" + strings.Join(said, "\n")
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip(why)
	return nil
}

func startOn(t *testing.T, d *disk, wrap []string) *disk {
	t.Helper()
	up := blackbox.NewUpstream(t)
	node := blackbox.Start(t, blackbox.Options{
		Tenant: siteTenant, Upstream: up.URL, Wrap: wrap, Env: []string{"LATCHKEY_DATABASE=sqlite:" + filepath.Join(d.folder, "latchkey.db")},
	})
	d.site = &site{up: up, nodes: []*blackbox.Server{node}}
	t.Cleanup(func() { d.sound(t) })
	return d
}

// path is where the test finds a file of the disk.
func (d *disk) path(name string) string {
	if d.limited {
		return filepath.Join(d.folder, name)
	}
	return filepath.Join("/proc", fmt.Sprint(d.nodes[0].Pid()), "root", d.folder, name)
}

// fill leaves no room on the disk.
func (d *disk) fill(t *testing.T) {
	t.Helper()
	if d.limited {
		wal, err := os.Stat(d.path("latchkey.db-wal"))
		if err != nil {
			t.Fatal(err)
		}
		d.limit(t, fmt.Sprint(wal.Size()))
		return
	}
	file, err := os.OpenFile(d.path("filler"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, portion := range []int{64 << 10, 4096, 1} {
		for err == nil {
			_, err = file.Write(make([]byte, portion))
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
}

// free makes room again.
func (d *disk) free(t *testing.T) {
	t.Helper()
	if d.limited {
		d.limit(t, "unlimited")
		return
	}
	if err := os.Remove(d.path("filler")); err != nil {
		t.Fatal(err)
	}
}

// limit sets how large files may get, softly, so that it can be taken back.
func (d *disk) limit(t *testing.T, size string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), "prlimit", "--pid", fmt.Sprint(d.nodes[0].Pid()), "--fsize="+size+":unlimited")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("prlimit: %v %s", err, output)
	}
}

// untilRefused fills the disk and goes on writing until the log of SQLite, which reuses what it has, is full too.
func (d *disk) untilRefused(t *testing.T, what string, write func() blackbox.Answer) blackbox.Answer {
	t.Helper()
	for range 300 {
		d.fill(t)
		answer := write()
		switch {
		case answer.Status == http.StatusServiceUnavailable:
			return answer
		case answer.Status >= http.StatusBadRequest:
			t.Fatalf("%s: %d %s", what, answer.Status, answer.Body)
		}
	}
	t.Fatalf("%s: the disk never fills", what)
	return blackbox.Answer{}
}

// copied is a folder with the database as a crash at this moment would leave it.
func (d *disk) copied(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	pid := d.nodes[0].Pid()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	err := errors.Join(copyFile(d.path("latchkey.db"), filepath.Join(folder, "latchkey.db")),
		copyFile(d.path("latchkey.db-wal"), filepath.Join(folder, "latchkey.db-wal")),
		copyFile(filepath.Join(d.nodes[0].Dir, "encryption.key"), filepath.Join(folder, "encryption.key")))
	if err := errors.Join(err, syscall.Kill(pid, syscall.SIGCONT)); err != nil {
		t.Fatal(err)
	}
	return folder
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}

// whole checks a copy of the database and that the product can go on from it.
func (d *disk) whole(t *testing.T, when, refresh string) {
	t.Helper()
	folder := d.copied(t)
	if got := fileRows(t, filepath.Join(folder, "latchkey.db"), "PRAGMA integrity_check"); len(got) != 1 || got[0] != "ok" {
		t.Errorf("%s the database is corrupt: %q", when, got)
	}
	heir := &site{up: d.up, nodes: []*blackbox.Server{blackbox.Start(t, blackbox.Options{Dir: folder, Tenant: siteTenant, Upstream: d.up.URL})}}
	heir.sameEverywhere(t)
	if a := spaAt(t, heir.nodes[0]).Refresh(refresh, nil); a.Status != http.StatusOK {
		t.Errorf("%s, after a crash, the refresh token gives %s", when, a.Error())
	}
	heir.sound(t)
}

func TestM171_FullDisk(t *testing.T) {
	t.Parallel()
	d := newDisk(t)
	node := d.nodes[0]
	app, browser := spaAt(t, node), browserAt(t, node)
	tokens := d.logIn(t, node, browser, "grace")
	refresh := tokens.Text("refresh_token")
	id := d.born(t, "large")
	filled := 0
	large := func() blackbox.Answer {
		filled++
		return d.manage(t, node, http.MethodPatch, "/users/"+url.PathEscape(id), map[string]any{
			"app_metadata": map[string]any{"filled": filled, "blob": strings.Repeat("x", 200<<10)},
		})
	}
	if a := large(); a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	refused := map[string]blackbox.Answer{"PATCH": d.untilRefused(t, "PATCH", large)}
	lastKept := filled - 1
	refused["log-in page"] = d.untilRefused(t, "log-in page", func() blackbox.Answer {
		page := browserAt(t, node).Open(app.Authorize(nil).URL)
		return blackbox.Answer{Status: page.Status, Header: page.Header, Body: page.Body}
	})
	refused["sign-up"] = d.untilRefused(t, "sign-up", func() blackbox.Answer {
		return node.PostJSON(t, "/dbconnections/signup", map[string]any{
			"client_id": "spa", "connection": "db", "email": blackbox.Random() + "@example.com", "password": password,
		})
	})
	refused["refresh"] = d.untilRefused(t, "refresh", func() blackbox.Answer {
		a := app.Refresh(refresh, nil)
		if a.Status == http.StatusOK {
			refresh = a.Text("refresh_token")
		}
		return a
	})
	for what, a := range refused {
		if a.Header.Get("Retry-After") == "" {
			t.Errorf("%s: no Retry-After", what)
		}
		if what != "log-in page" && what != "PATCH" && a.Text("error") != "temporarily_unavailable" ||
			what == "PATCH" && (a.Text("errorCode") != "service_unavailable" || a.JSON["statusCode"] == nil) ||
			what == "log-in page" && !strings.Contains(a.Body, "<html") {
			t.Errorf("%s: not the surface's dialect: %s", what, a.Body)
		}
		if strings.Contains(strings.ToLower(a.Body), "sqlite") || strings.Contains(a.Body, "disk") {
			t.Errorf("%s tells about the inside: %s", what, a.Body)
		}
	}
	d.readsGoOn(t, tokens.Text("access_token"))
	d.whole(t, "while the disk is full", refresh)

	d.free(t)
	a := d.manage(t, node, http.MethodGet, "/users/"+url.PathEscape(id)+"?fields=app_metadata", nil)
	if kept, _ := a.JSON["app_metadata"].(map[string]any); fmt.Sprint(kept["filled"]) != fmt.Sprint(lastKept) || len(fmt.Sprint(kept["blob"])) != 200<<10 {
		t.Errorf("of the refused PATCH something stayed: %v, want %d", kept["filled"], lastKept)
	}
	if again := app.Refresh(refresh, nil); again.Status != http.StatusOK {
		t.Errorf("with space again, the refresh token gives %s", again.Error())
	} else {
		refresh = again.Text("refresh_token")
	}
	d.logIn(t, node, browserAt(t, node), "newcomer")
	d.born(t, "later")
	if a := large(); a.Status != http.StatusOK {
		t.Errorf("with space again: %d %s", a.Status, a.Body)
	}
	d.whole(t, "with space again", refresh)
}

func (d *disk) readsGoOn(t *testing.T, accessToken string) {
	t.Helper()
	node := d.nodes[0]
	for what, a := range map[string]blackbox.Answer{
		"userinfo":           node.Userinfo(t, accessToken),
		"keys":               node.Do(t, http.MethodGet, "/.well-known/jwks.json", "", "", nil),
		"discovery":          node.Do(t, http.MethodGet, "/.well-known/openid-configuration", "", "", nil),
		"client credentials": machine(t, node),
		"a list of people":   d.manage(t, node, http.MethodGet, "/users", nil),
		"health":             node.Do(t, http.MethodGet, "/healthz", "", "", nil),
		"readiness":          node.Do(t, http.MethodGet, "/readyz", "", "", nil),
	} {
		if a.Status != http.StatusOK {
			t.Errorf("with a full disk, %s: %d %s", what, a.Status, a.Body)
		}
	}
}
