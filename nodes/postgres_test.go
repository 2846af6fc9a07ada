package nodes_test

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

func TestAnOutageOfPostgreSQL(t *testing.T) {
	p := newPair(t, setup{})
	everything := needs{reads: true, writes: true}
	for _, outage := range []struct {
		name       string
		lost       needs
		begin, end func()
	}{
		{"refused", everything, p.postgres.Cut, p.postgres.Restore},
		{"a black hole", everything, p.postgres.Blackhole, p.postgres.Restore},
		{"slow", everything, func() { p.postgres.Delay(slow) }, p.postgres.Restore},
		{
			"read-only",
			needs{writes: true},
			func() { p.execute(t, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()") },
			func() { p.execute(t, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()") },
		},
	} {
		t.Run(outage.name, func(t *testing.T) {
			v := p.arrive(t)
			outage.begin()
			v.verifies(t)
			v.during(t, outage.lost)
			outage.end()
			p.after(t)
			v.goesOn(t)
			if next := p.app(t, "spa").Refresh(v.jwt.Text("refresh_token"), nil); next.Status != http.StatusOK {
				t.Errorf("a refresh token that was answered 503 gives %s", next.Error())
			}
		})
	}
}

// verifies checks a token that was issued before, as an API does: by the key set alone.
func (v *visitor) verifies(t *testing.T) {
	t.Helper()
	token := v.jwt.Text("access_token")
	header, _ := blackbox.Claims(t, token)
	var set struct {
		Keys []struct{ Kid, N, E string }
	}
	answer := v.p.Do(t, http.MethodGet, "/.well-known/jwks.json", "", "", nil)
	if err := json.Unmarshal([]byte(answer.Body), &set); err != nil {
		t.Fatalf("the key set answers %d %s", answer.Status, answer.Body)
	}
	signed := token[:strings.LastIndexByte(token, '.')]
	sum := sha256.Sum256([]byte(signed))
	for _, key := range set.Keys {
		if key.Kid != header["kid"] {
			continue
		}
		public := &rsa.PublicKey{N: number(t, key.N), E: int(number(t, key.E).Int64())}
		signature, err := base64.RawURLEncoding.DecodeString(token[len(signed)+1:])
		if err != nil {
			t.Fatal(err)
		}
		if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature); err != nil {
			t.Errorf("a token from before is not good: %v", err)
		}
		return
	}
	t.Errorf("the key %v is not in the key set %s", header["kid"], answer.Body)
}

func number(t *testing.T, text string) *big.Int {
	t.Helper()
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return new(big.Int).SetBytes(raw)
}

// The server ends all its connections, recovers as after a crash of the machine, and goes on.
func TestARestartOfPostgreSQL(t *testing.T) {
	p := newPair(t, setup{})
	v := p.arrive(t)
	pid, err := strconv.Atoi(p.rows(t, "SELECT pid::text FROM pg_stat_activity WHERE application_name = 'latchkey' LIMIT 1")[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for _, one := range v.probes() {
		if got := one.send(t); got.Status != one.status && got.Status != http.StatusServiceUnavailable {
			t.Errorf("%s answers %d: %.200s", one.name, got.Status, got.Body)
		}
	}
	p.after(t)
}

// Somebody holds a lock that everything waits for, so that a small pool is soon in use altogether.
func TestAPoolThatIsUsedUp(t *testing.T) {
	t.Parallel()
	p := newPair(t, setup{pool: "&pool_max_conns=2"})
	v := p.arrive(t)
	holder, err := pgx.Connect(t.Context(), p.database)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{"BEGIN", "LOCK TABLE users, user_logins, user_identities, grants, refresh_tokens, config_revisions, key_revisions"} {
		if _, err := holder.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	v.during(t, needs{reads: true, writes: true})
	if err := holder.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.after(t)
}
