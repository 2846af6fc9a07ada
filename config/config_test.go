package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/config"
)

// directives returns what stands behind "# name: " in the comments a case begins with.
func directives(data []byte, name string) []string {
	var found []string
	for line := range strings.Lines(string(data)) {
		if text, ok := strings.CutPrefix(line, "# "+name+": "); ok {
			found = append(found, strings.TrimSpace(text))
		}
	}
	return found
}

func cases(t *testing.T, pattern string) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in testdata/%s (%v)", pattern, err)
	}
	found := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found[filepath.Base(file)] = data
	}
	return found
}

func modeOf(data []byte) config.Mode {
	if len(directives(data, "mode")) > 0 {
		return config.Serve
	}
	return config.Dev
}

// Every mistake is a file; its comments say what the reader is told, word by word.
func TestMistakesAreExplained(t *testing.T) {
	for name, data := range cases(t, "*.bad.yml") {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(config.Sources{File: "latchkey.yml", Data: data, Mode: modeOf(data)})
			var problems config.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("Load: %v, want problems", err)
			}
			want := directives(data, "want")
			if diff := cmp.Diff(want, strings.Split(problems.Error(), "\n")); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestGoodFilesLoad(t *testing.T) {
	for name, data := range cases(t, "*.good.yml") {
		t.Run(name, func(t *testing.T) {
			if _, err := config.Load(config.Sources{File: name, Data: data, Mode: modeOf(data)}); err != nil {
				t.Errorf("Load: %v", err)
			}
		})
	}
}

func TestEveryKeyCanBeSetInTheFile(t *testing.T) {
	data, err := os.ReadFile("testdata/everything.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	c := load(t, config.Sources{File: "latchkey.yml", Data: data})
	skipped := map[string]bool{"tls.cert": true, "tls.key": true, "encryption_key_file": true} // need files
	for _, f := range config.Fields() {
		if c.IsSet(f.Key) == skipped[f.Key] {
			t.Errorf("IsSet(%q) = %v", f.Key, c.IsSet(f.Key))
		}
	}
	want := config.Limits{
		BodyBytes: 65536, HeaderBytes: 8192, JSONDepth: 16, ProfileBytes: 2048, PasswordHashes: 4,
		HeaderTimeout: 2 * time.Second, RequestTimeout: time.Minute, IdleTimeout: 90 * time.Second, ShutdownDelay: 3 * time.Second, ShutdownTimeout: 5 * time.Second,
	}
	if diff := cmp.Diff(want, c.Limits); diff != "" {
		t.Errorf("limits -want +got:\n%s", diff)
	}
	if !c.Upstream.AllowPrivateNetworks.Allows(netip.MustParseAddr("::ffff:10.1.2.3")) {
		t.Error("10.1.2.3 is refused although 10.0.0.0/8 is listed")
	}
	if c.Upstream.AllowPrivateNetworks.Allows(netip.MustParseAddr("192.168.0.1")) {
		t.Error("192.168.0.1 is allowed although it is not listed")
	}
	if want := (config.Tracing{OTLPEndpoint: "http://collector.internal:4318", SampleRatio: 0.25}); c.Tracing != want {
		t.Errorf("tracing is %+v, want %+v", c.Tracing, want)
	}
	if !c.TrustedProxies.Contains(netip.MustParseAddr("2001:db8::1")) {
		t.Error("the single address of trusted_proxies is not trusted")
	}
	if len(c.Keys) != 2 || c.Keys[0][0] != 0 || c.Keys[1][0] != 1 {
		t.Errorf("key ring of %d keys, want 2 in the order of the file", len(c.Keys))
	}
}

func load(t *testing.T, src config.Sources) *config.Config {
	t.Helper()
	c, err := config.Load(src)
	if err != nil {
		t.Fatalf("Load:\n%v", err)
	}
	return c
}

func TestDefaultsAreReadyForDevelopment(t *testing.T) {
	c := load(t, config.Sources{})
	got := map[string]any{
		"listen": c.Listen, "issuer": c.Issuer, "database": c.Database.Reveal(), "migrate": c.Migrate, "tenant": c.Tenant,
		"log": c.Log, "lifetimes": c.Lifetimes, "upstream": c.Upstream, "avatars": c.Avatars.BaseURL,
	}
	want := map[string]any{
		"listen": "127.0.0.1:3000", "issuer": "http://localhost:3000/", "database": "sqlite:latchkey.db", "migrate": "auto",
		"tenant": "default", "log": config.Log{Level: "info", Format: "json"},
		"lifetimes": config.Lifetimes{Transaction: time.Hour, Code: time.Minute},
		"upstream":  config.Upstream{Timeout: 10 * time.Second}, "avatars": "https://cdn.auth0.com/avatars",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if c.IsSet("issuer") {
		t.Error("the issuer counts as set although it is the default")
	}
}

func TestLaterLayersWin(t *testing.T) {
	file := []byte("log: {level: warn, format: text}\ntenant: from-file\n")
	env := []string{"LATCHKEY_LOG_LEVEL=error", "LATCHKEY_TENANT=from-env", "LATCHKEY_ISSUER=", "PATH=/bin"}
	flags := map[string]string{"tenant": "from-flag"}
	c := load(t, config.Sources{File: "latchkey.yml", Data: file, Env: env, Flags: flags})
	if c.Log.Format != "text" || c.Log.Level != "error" || c.Tenant != "from-flag" {
		t.Errorf("format %q, level %q, tenant %q; want text of the file, error of the environment, from-flag", c.Log.Format, c.Log.Level, c.Tenant)
	}
	if c.IsSet("issuer") {
		t.Error("an empty variable counts as set")
	}
}

func TestEveryKeyHasAVariable(t *testing.T) {
	seen := map[string]string{}
	for _, f := range config.Fields() {
		if other := seen[f.Env]; other != "" {
			t.Errorf("%s sets both %s and %s", f.Env, other, f.Key)
		}
		seen[f.Env] = f.Key
	}
	c := load(t, config.Sources{Env: []string{
		"LATCHKEY_TRUSTED_PROXIES=10.0.0.0/8, 192.168.1.1", "LATCHKEY_UPSTREAM_ALLOW_PRIVATE_NETWORKS=true",
		"LATCHKEY_LIMITS_JSON_DEPTH=20", "LATCHKEY_LIFETIMES_CODE=30s", "LATCHKEY_BEHIND_TLS_PROXY=true",
		"LATCHKEY_TRACING_OTLP_ENDPOINT=http://collector:4318", "LATCHKEY_TRACING_SAMPLE_RATIO=.5",
	}})
	if len(c.TrustedProxies) != 2 || !c.Upstream.AllowPrivateNetworks.All || c.Limits.JSONDepth != 20 || c.Lifetimes.Code != 30*time.Second || !c.BehindTLSProxy || c.Tracing.SampleRatio != 0.5 {
		t.Errorf("the environment was not taken over: %+v", c)
	}
}

func TestVariablesThatContainersSetAreLeftAlone(t *testing.T) {
	load(t, config.Sources{Env: []string{
		"LATCHKEY_PORT=tcp://10.0.0.1:80", "LATCHKEY_PORT_80_TCP=tcp://10.0.0.1:80", "LATCHKEY_SERVICE_HOST=10.0.0.1",
		"LATCHKEY_SERVICE_PORT=80", "LATCHKEY_SERVICE_PORT_HTTP=80", "LATCHKEY_CONFIG=latchkey.yml",
	}})
}

// Problems of all layers come together, each naming the place to change, in a fixed order.
func TestAllLayersReportAtOnce(t *testing.T) {
	_, err := config.Load(config.Sources{
		File: "latchkey.yml", Data: []byte("tenant: A\nlog:\n  level: loud\nlisten: nowhere\n"),
		Env:   []string{"LATCHKEY_LOG_FORMAT=xml", "LATCHKEY_LISEN=:1", "LATCHKEY_SESSIONS=memcached://u:hush@h"},
		Flags: map[string]string{"migrate": "never", "isuer": "x", "tenant": "Acme!"},
		Mode:  config.Serve,
	})
	want := []string{
		`latchkey.yml:3:10: log.level: "loud" is not known (allowed: debug, info, warn, error)`,
		`latchkey.yml:4:9: listen: "nowhere" is no address to listen on (allowed: HOST:PORT such as 127.0.0.1:3000, :3000 for all addresses)`,
		`LATCHKEY_LISEN: unknown variable, did you mean "LATCHKEY_LISTEN"?`,
		`LATCHKEY_LOG_FORMAT: "xml" is not known (allowed: json, text)`,
		`LATCHKEY_SESSIONS: is no address of a Redis server (allowed: redis://…, rediss://…, redis+sentinel://…, redis+cluster://…)`,
		`--isuer: unknown flag, did you mean "issuer"?`,
		`--migrate: "never" is not known (allowed: auto, manual)`,
		`--tenant: "Acme!" is no tenant name (allowed: up to 63 of a-z, 0-9 and - (not first or last))`,
		"encryption_key: is needed by `latchkey serve`, or encryption_key_file: secrets are not stored in the clear (allowed: 32 bytes in base64, as `openssl rand -base64 32` prints them)",
	}
	if diff := cmp.Diff(strings.Join(want, "\n"), fmt.Sprint(err)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestIssuerEndsInASlash(t *testing.T) {
	for given, want := range map[string]string{
		"https://login.example.com":     "https://login.example.com/",
		"https://login.example.com/":    "https://login.example.com/",
		"http://127.0.0.1:3000/auth":    "http://127.0.0.1:3000/auth/",
		"https://[2001:db8::1]:8443/a/": "https://[2001:db8::1]:8443/a/",
	} {
		if got := load(t, config.Sources{Flags: map[string]string{"issuer": given}}).Issuer; got != want {
			t.Errorf("issuer %s became %s, want %s", given, got, want)
		}
	}
}

func TestPlainHTTPIsServedOnLoopbackOrBehindAProxyOnly(t *testing.T) {
	key := "LATCHKEY_ENCRYPTION_KEY=" + strings.Repeat("A", 43) + "="
	for listen, safe := range map[string]bool{
		"127.0.0.1:0": true, "127.9.9.9:80": true, "[::1]:80": true, "localhost:80": true,
		":80": false, "0.0.0.0:80": false, "[::]:80": false, "192.168.0.2:80": false, "example.com:80": false,
	} {
		for _, proxy := range []string{"false", "true"} {
			_, err := config.Load(config.Sources{
				Env: []string{key}, Mode: config.Serve,
				Flags: map[string]string{"listen": listen, "behind_tls_proxy": proxy},
			})
			if want := safe || proxy == "true"; (err == nil) != want {
				t.Errorf("listen %s, behind_tls_proxy %s: %v, want it accepted: %v", listen, proxy, err, want)
			}
		}
	}
}

func TestKeyFileHoldsARing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	write := func(text string) config.Sources {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.Sources{Flags: map[string]string{"encryption_key_file": file}, Mode: config.Serve}
	}
	one, two := strings.Repeat("A", 43)+"=", strings.Repeat("_", 42)+"8"
	if c := load(t, write(one+"\r\n"+two+"\n")); len(c.Keys) != 2 || len(c.Keys[1]) != 32 {
		t.Errorf("%d keys, want 2", len(c.Keys))
	}
	for text, want := range map[string]string{
		"\n":             file + ": holds no key",
		one + "\nsecret": "key 2 is not 32 bytes in base64",
	} {
		_, err := config.Load(write(text))
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret\n") {
			t.Errorf("key file %q: %v, want %q", text, err, want)
		}
	}
}

func TestMissingFilesAreNamed(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone.yml")
	_, err := config.Load(config.Sources{File: gone})
	if want := gone + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("Load: %v, want %q", err, want)
	}
}

// Whatever somebody prints a configuration with, no secret comes out.
func TestSecretsDoNotPrint(t *testing.T) {
	key := strings.Repeat("QUJD", 10) + "QUI="
	c := load(t, config.Sources{Env: []string{
		"LATCHKEY_ENCRYPTION_KEY=" + key, "LATCHKEY_DATABASE=postgres://me:hush@db/x", "LATCHKEY_SESSIONS=redis://:hush@r",
		"LATCHKEY_MAIL_SMTP=smtp://me:hush@mail:587", "LATCHKEY_MAIL_FROM=a@b.example",
	}})
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+"\n", c.Database)
		fmt.Fprintf(&out, verb+"\n", c.Keys)
		fmt.Fprintf(&out, verb+"\n", *c)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	slog.New(slog.NewTextHandler(&out, nil)).Info("config", "database", c.Database, "config", c, "keys", c.Keys)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("config", "database", c.Database, "config", c, "keys", c.Keys)
	for _, secret := range []string{"hush", "68757368", key, "QUJD", "ABCABC", "65 66 67", "414243"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q shows in:\n%s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "***") {
		t.Error("nothing was printed at all")
	}
	if c.Database.Reveal() != "postgres://me:hush@db/x" {
		t.Error("the secret itself is lost")
	}
}

func TestMistakesInSecretsDoNotShowThem(t *testing.T) {
	_, err := config.Load(config.Sources{Env: []string{
		"LATCHKEY_DATABASE=mysql://me:hush@db", "LATCHKEY_SESSIONS=hush", "LATCHKEY_MAIL_SMTP=hush://%zz",
		"LATCHKEY_ENCRYPTION_KEY=hush", "LATCHKEY_ISSUER=https://me:hush@example.com/",
	}})
	var problems config.Problems
	if !errors.As(err, &problems) || len(problems) != 5 {
		t.Fatalf("Load: %v, want five problems", err)
	}
	if strings.Contains(err.Error(), "hush") {
		t.Errorf("a secret shows in:\n%v", err)
	}
}

func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"testdata/*.good.yml", "testdata/*.bad.yml"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := config.Load(config.Sources{File: "f.yml", Data: data, Mode: config.Serve})
		if (c == nil) != (err != nil) {
			t.Errorf("configuration %v with error %v", c, err)
		}
		if err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Error("an error without words")
		}
	})
}
