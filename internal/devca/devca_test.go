package devca_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/devca"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func ensure(t *testing.T, dir string, at time.Time, hosts ...string) (string, tls.Certificate) {
	t.Helper()
	path, cert, err := devca.Ensure(dir, hosts, at)
	if err != nil {
		t.Fatal(err)
	}
	return path, cert
}

func TestClientThatTrustsTheAuthorityReachesTheServer(t *testing.T) {
	caPath, cert := ensure(t, t.TempDir(), now, "login.example.test", "192.0.2.7")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := io.WriteString(w, "secure"); err != nil {
			t.Error(err)
		}
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, Time: func() time.Time { return now }}
	server.StartTLS()
	defer server.Close()

	pem, err := os.ReadFile(caPath)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatal("no certificate in the authority's file")
	}
	for _, host := range []string{"localhost", "127.0.0.1", "::1", "login.example.test", "192.0.2.7"} {
		conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: host, Time: func() time.Time { return now }})
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		conn.Close()
	}
	if _, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "other.example", Time: func() time.Time { return now }}); err == nil {
		t.Error("a host that was not asked for is accepted")
	}
	if _, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{ServerName: "localhost", Time: func() time.Time { return now }}); err == nil {
		t.Error("a client that doesn't know the authority accepts the server")
	}
}

func TestCertificatesAreReusedWhileGood(t *testing.T) {
	dir := t.TempDir()
	caPath, first := ensure(t, dir, now, "a.test")
	authority := read(t, caPath)

	tests := []struct {
		name                string
		at                  time.Time
		hosts               []string
		sameLeaf, sameIssue bool
	}{
		{"next start", now.Add(time.Hour), []string{"a.test"}, true, true},
		{"fewer hosts", now, nil, true, true},
		{"another host", now, []string{"b.test"}, false, true},
		{"server certificate near its end", now.Add(380 * 24 * time.Hour), []string{"a.test"}, false, true},
		{"authority near its end", now.Add(3640 * 24 * time.Hour), []string{"a.test"}, false, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			path, again := ensure(t, copied, test.at, test.hosts...)
			if same := bytes.Equal(first.Certificate[0], again.Certificate[0]); same != test.sameLeaf {
				t.Errorf("same server certificate: %v, want %v", same, test.sameLeaf)
			}
			if same := bytes.Equal(authority, read(t, path)); same != test.sameIssue {
				t.Errorf("same authority: %v, want %v", same, test.sameIssue)
			}
		})
	}
}

func TestKeysAreTheOwnersAlone(t *testing.T) {
	dir := t.TempDir()
	ensure(t, dir, now)
	for _, name := range []string{"ca-key.pem", "server-key.pem"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v", name, info.Mode())
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".new-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestDamagedAuthorityIsAnErrorAndDamagedServerIsRemade(t *testing.T) {
	dir := t.TempDir()
	ensure(t, dir, now)
	if err := os.WriteFile(filepath.Join(dir, "server.pem"), []byte("garbage"), 0o600); err != nil {
		t.Fatal(err)
	}
	ensure(t, dir, now)

	damage := map[string]func(string) error{
		"garbage": func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca.pem"), []byte("garbage"), 0o600) },
		"no key":  func(dir string) error { return os.Remove(filepath.Join(dir, "ca-key.pem")) },
		"foreign key": func(dir string) error {
			return os.Rename(filepath.Join(dir, "server-key.pem"), filepath.Join(dir, "ca-key.pem"))
		},
	}
	for name, spoil := range damage {
		t.Run(name, func(t *testing.T) {
			copied := filepath.Join(t.TempDir(), "copy")
			if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			if err := spoil(copied); err != nil {
				t.Fatal(err)
			}
			_, _, err := devca.Ensure(copied, nil, now)
			if err == nil || !strings.Contains(err.Error(), "ca.pem") {
				t.Errorf("error %v, want one that names ca.pem", err)
			}
		})
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := devca.Ensure(filepath.Join(file, "dir"), nil, now); err == nil {
		t.Error("no error")
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
