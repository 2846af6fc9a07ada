package config

import (
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checker holds the finished configuration against the rules that concern more than a value's type. A key that
// has a problem already gets no second one: what stands in its place is only the default.
type checker struct {
	c        *Config
	mode     Mode
	bad      map[string]bool
	problems Problems
}

func (k *checker) add(key, text, allowed string) {
	if k.bad[key] {
		return
	}
	k.bad[key] = true
	k.problems = append(k.problems, Problem{Key: key, Text: text, Allowed: allowed, place: k.c.origins[key]})
}

func (k *checker) all() Problems {
	k.listeners()
	k.tracing()
	k.issuer()
	k.stores()
	k.encryption()
	k.tls()
	k.mail()
	k.upstream()
	k.names()
	if k.mode == Serve {
		k.safe()
	}
	return k.problems
}

const allowedListen = "HOST:PORT such as 127.0.0.1:3000, :3000 for all addresses"

func (k *checker) listeners() {
	if !isListen(k.c.Listen) {
		k.add("listen", fmt.Sprintf("%q is no address to listen on", k.c.Listen), allowedListen)
	}
	if m := k.c.Metrics.Listen; m != "" && !isListen(m) {
		k.add("metrics.listen", fmt.Sprintf("%q is no address to listen on", m), allowedListen)
	}
	if m := k.c.Metrics.Listen; m != "" && m == k.c.Listen && !strings.HasSuffix(m, ":0") {
		k.add("metrics.listen", "is the public address; metrics need one of their own", "")
	}
}

// tracing checks an address that may be given with a password by mistake, so it never quotes it.
func (k *checker) tracing() {
	e := k.c.Tracing.OTLPEndpoint
	if e != "" && !isBaseURL(e) {
		k.add("tracing.otlp_endpoint", "is no absolute http or https URL without user, query and fragment", "http://HOST:4318, https://HOST/PATH")
	}
	k.c.Tracing.OTLPEndpoint = strings.TrimRight(e, "/")
	if e == "" && k.c.IsSet("tracing.sample_ratio") {
		k.add("tracing.sample_ratio", "has no effect without tracing.otlp_endpoint", "")
	}
}

func isListen(text string) bool {
	_, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n <= 65535
}

func (k *checker) issuer() {
	u, err := url.Parse(k.c.Issuer)
	allowed := "http://HOST/ or https://HOST/, with a path if need be"
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https":
		k.add("issuer", "is no absolute http or https URL", allowed)
	case u.User != nil:
		k.add("issuer", "must not carry a user or password", allowed)
	case u.RawQuery != "" || u.ForceQuery:
		k.add("issuer", "must not carry a query", allowed)
	case strings.Contains(k.c.Issuer, "#"):
		k.add("issuer", "must not carry a fragment", allowed)
	case !strings.HasSuffix(k.c.Issuer, "/"):
		k.c.Issuer += "/"
	}
}

var (
	databaseSchemes = []string{"postgres", "postgresql"}
	sessionSchemes  = []string{"redis", "rediss", "redis+sentinel", "redis+cluster"}
)

// stores checks addresses that may carry passwords, so it never quotes them.
func (k *checker) stores() {
	const allowedDatabase = "sqlite:PATH, sqlite::memory:, postgres://USER:PASSWORD@HOST/DATABASE"
	database := k.c.Database.Reveal()
	switch path, isSQLite := strings.CutPrefix(database, "sqlite:"); {
	case isSQLite && (path == "" || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "?#\x00")):
		k.add("database", "has no usable path behind sqlite:", allowedDatabase)
	case !isSQLite && !isURL(database, databaseSchemes):
		k.add("database", "is no address of a database", allowedDatabase)
	}
	if s := k.c.Sessions.Reveal(); s != "" && !isURL(s, sessionSchemes) {
		k.add("sessions", "is no address of a Redis server", "redis://…, rediss://…, redis+sentinel://…, redis+cluster://…")
	}
}

func isURL(text string, schemes []string) bool {
	u, err := url.Parse(text)
	return err == nil && slices.Contains(schemes, u.Scheme) && u.Hostname() != ""
}

const (
	keySize    = 32
	allowedKey = "32 bytes in base64, as `openssl rand -base64 32` prints them"
)

func (k *checker) encryption() {
	key, text := "encryption_key", k.c.EncryptionKey.Reveal()
	if file := k.c.EncryptionKeyFile; file != "" {
		if text != "" {
			k.add("encryption_key_file", "stands beside encryption_key; set one of them", "")
			return
		}
		data, err := os.ReadFile(file)
		if err != nil {
			k.add("encryption_key_file", file+": "+cause(err), "")
			return
		}
		key, text = "encryption_key_file", strings.ReplaceAll(string(data), "\n", ",")
		if len(splitList(text)) == 0 {
			k.add(key, file+": holds no key", allowedKey)
		}
	}
	for i, item := range splitList(text) {
		raw, err := decodeKey(item)
		if err != nil || len(raw) != keySize {
			k.add(key, fmt.Sprintf("key %d is not 32 bytes in base64", i+1), allowedKey)
			continue
		}
		k.c.Keys = append(k.c.Keys, raw)
	}
}

// decodeKey takes the standard and the URL alphabet, padded or not.
func decodeKey(text string) ([]byte, error) {
	text = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(text), "=")
	return base64.RawStdEncoding.DecodeString(text)
}

func (k *checker) tls() {
	cert, key := k.c.TLS.Cert, k.c.TLS.Key
	switch {
	case cert == "" && key == "":
	case key == "":
		k.add("tls.cert", "needs tls.key beside it", "")
	case cert == "":
		k.add("tls.key", "needs tls.cert beside it", "")
	default:
		if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
			k.add("tls.cert", "can't be used with tls.key: "+err.Error(), "")
		}
	}
}

func (k *checker) mail() {
	if k.c.Mail.From != "" {
		if _, err := mail.ParseAddress(k.c.Mail.From); err != nil {
			k.add("mail.from", fmt.Sprintf("%q is no mail address", k.c.Mail.From), "no-reply@example.com or Example <no-reply@example.com>")
		}
	}
	smtp := k.c.Mail.SMTP.Reveal()
	if smtp == "" {
		return
	}
	if u, err := url.Parse(smtp); !isURL(smtp, []string{"smtp", "smtps"}) || err != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		k.add("mail.smtp", "is no address of a mail server", "smtp://USER:PASSWORD@HOST:587, smtps://USER:PASSWORD@HOST:465")
	}
	if k.c.Mail.From == "" && !k.bad["mail.from"] {
		k.add("mail.smtp", "needs mail.from beside it", "")
	}
}

func (k *checker) upstream() {
	if s := k.c.Upstream.Simulator; s != "" && !isBaseURL(s) {
		k.add("upstream.simulator", "is no absolute http or https URL without query and fragment", "http://HOST:PORT/PATH")
	}
	k.c.Upstream.Simulator = strings.TrimRight(k.c.Upstream.Simulator, "/")
	if a := k.c.Avatars.BaseURL; !isBaseURL(a) {
		k.add("avatars.base_url", "is no absolute http or https URL without query and fragment", "https://HOST/PATH")
	}
	k.c.Avatars.BaseURL = strings.TrimRight(k.c.Avatars.BaseURL, "/")
}

func isBaseURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && isURL(text, []string{"http", "https"}) && u.User == nil && !strings.ContainsAny(text, "?#")
}

var tenantName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func (k *checker) names() {
	if !tenantName.MatchString(k.c.Tenant) {
		k.add("tenant", fmt.Sprintf("%q is no tenant name", k.c.Tenant), "up to 63 of a-z, 0-9 and - (not first or last)")
	}
}

// safe refuses what would give away people's data in production.
func (k *checker) safe() {
	if k.c.EncryptionKey == "" && k.c.EncryptionKeyFile == "" && !k.bad["encryption_key_file"] {
		k.add("encryption_key", "is needed by `latchkey serve`, or encryption_key_file: secrets are not stored in the clear", allowedKey)
	}
	if strings.HasPrefix(k.c.Issuer, "http://") && !isLoopback(k.c.Listen) && !k.c.BehindTLSProxy && !k.bad["behind_tls_proxy"] {
		k.add("issuer", fmt.Sprintf("is plain http while %q is reachable from other machines; passwords would cross the network in the clear", k.c.Listen),
			"an https:// issuer with tls.cert and tls.key, behind_tls_proxy: true behind a proxy that speaks https, or a loopback address in listen")
	}
	if k.c.Upstream.Simulator != "" {
		k.add("upstream.simulator", "is only for `latchkey dev`: anybody could log in as anybody", "")
	}
	if k.c.Database == "sqlite::memory:" {
		k.add("database", "would forget everything at exit; only `latchkey dev` keeps it in memory", "sqlite:PATH, postgres://USER:PASSWORD@HOST/DATABASE")
	}
}

// isLoopback tells whether only this machine can reach the listener. An address that is none counts as loopback: it has
// its problem already.
func isLoopback(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil || host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
