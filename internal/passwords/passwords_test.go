package passwords

import (
	"context"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// cheap keeps tests quick; nothing depends on the cost.
var cheap = Params{Memory: 64, Time: 1, Threads: 1}

func newHasher(t *testing.T, c Config) *Hasher {
	t.Helper()
	if c.Params == (Params{}) {
		c.Params = cheap
	}
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestHashVerifies(t *testing.T) {
	h := newHasher(t, Config{})
	long := strings.Repeat("x", 72)
	for _, password := range []string{"", "Passw0rd!", "pässwörd 密码 \x00 tail", long + "a", strings.Repeat("y", MaxBytes)} {
		hash, err := h.Hash(t.Context(), password)
		if err != nil {
			t.Fatal(err)
		}
		if ok, rehash, err := h.Verify(t.Context(), hash, password); !ok || rehash || err != nil {
			t.Errorf("%.20q: ok %v, rehash %v, err %v", password, ok, rehash, err)
		}
		if ok, _, err := h.Verify(t.Context(), hash, password+"b"); ok && err == nil {
			t.Errorf("%.20q: another password verifies too", password)
		}
	}
	hash, err := h.Hash(t.Context(), long+"a")
	if err != nil {
		t.Fatal(err)
	}
	if ok, _, _ := h.Verify(t.Context(), hash, long+"b"); ok {
		t.Error("passwords that agree in their first 72 bytes are taken for each other")
	}
}

func TestEqualPasswordsHaveDifferentHashes(t *testing.T) {
	h := newHasher(t, Config{})
	a, err := h.Hash(t.Context(), "same")
	if err != nil {
		t.Fatal(err)
	}
	b, err := h.Hash(t.Context(), "same")
	if err != nil {
		t.Fatal(err)
	}
	if a == b {
		t.Error("no salt")
	}
	if !strings.HasPrefix(a, "$argon2id$v=19$m=64,t=1,p=1$") {
		t.Errorf("not a PHC string: %s", a)
	}
}

func TestVerifyForeignHashes(t *testing.T) {
	b, err := bcrypt.GenerateFromPassword([]byte("Passw0rd!"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	tail := string(b)[4:]
	h := newHasher(t, Config{})
	for _, prefix := range []string{"$2a$", "$2b$", "$2y$"} {
		if ok, rehash, err := h.Verify(t.Context(), prefix+tail, "Passw0rd!"); !ok || !rehash || err != nil {
			t.Errorf("%s: ok %v, rehash %v, err %v", prefix, ok, rehash, err)
		}
		if ok, rehash, err := h.Verify(t.Context(), prefix+tail, "other"); ok || rehash || err != nil {
			t.Errorf("%s, wrong password: ok %v, rehash %v, err %v", prefix, ok, rehash, err)
		}
	}
}

// The hash was made by the reference implementation (phc-winner-argon2, test.c).
func TestVerifyReferenceHash(t *testing.T) {
	const hash = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	h := newHasher(t, Config{})
	ok, rehash, err := h.Verify(t.Context(), hash, "password")
	if !ok || err != nil {
		t.Fatalf("ok %v, err %v", ok, err)
	}
	if !rehash {
		t.Error("other costs than today's need a rehash")
	}
}

func TestUnusableHashes(t *testing.T) {
	const salt, key = "c29tZXNhbHQ", "nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4"
	h := newHasher(t, Config{})
	for name, hash := range map[string]string{
		"empty":              "",
		"the password":       "Passw0rd!",
		"memory bomb":        "$argon2id$v=19$m=4194304,t=1,p=1$" + salt + "$" + key,
		"time bomb":          "$argon2id$v=19$m=64,t=4294967295,p=1$" + salt + "$" + key,
		"lanes wrap a byte":  "$argon2id$v=19$m=4096,t=1,p=257$" + salt + "$" + key,
		"no lanes":           "$argon2id$v=19$m=64,t=1,p=0$" + salt + "$" + key,
		"no passes":          "$argon2id$v=19$m=64,t=0,p=1$" + salt + "$" + key,
		"negative":           "$argon2id$v=19$m=-64,t=1,p=1$" + salt + "$" + key,
		"order":              "$argon2id$v=19$t=1,m=64,p=1$" + salt + "$" + key,
		"old version":        "$argon2id$v=16$m=64,t=1,p=1$" + salt + "$" + key,
		"argon2i":            "$argon2i$v=19$m=64,t=1,p=1$" + salt + "$" + key,
		"no salt":            "$argon2id$v=19$m=64,t=1,p=1$$" + key,
		"no key":             "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$",
		"salt not base64":    "$argon2id$v=19$m=64,t=1,p=1$c29tZX*hbHQ$" + key,
		"key not base64":     "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + key + "=",
		"too long":           "$argon2id$v=19$m=64,t=1,p=1$" + salt + "$" + strings.Repeat("A", 600),
		"bcrypt bomb":        "$2b$31$" + strings.Repeat("a", 53),
		"bcrypt cut":         "$2b$10$abc",
		"bcrypt other kind":  "$2x$04$" + strings.Repeat("a", 53),
		"bcrypt bad letters": "$2b$04$" + strings.Repeat("*", 53),
	} {
		t.Run(name, func(t *testing.T) {
			ok, _, err := h.Verify(t.Context(), hash, "Passw0rd!")
			if ok || !errors.Is(err, ErrHash) {
				t.Fatalf("ok %v, err %v", ok, err)
			}
			if len(hash) > 20 && strings.Contains(err.Error(), hash[len(hash)-20:]) {
				t.Errorf("the error shows the hash: %v", err)
			}
		})
	}
}

func TestTooLong(t *testing.T) {
	h := newHasher(t, Config{})
	long := strings.Repeat("a", MaxBytes+1)
	if _, err := h.Hash(t.Context(), long); !errors.Is(err, ErrTooLong) {
		t.Errorf("Hash: %v", err)
	}
	if _, _, err := h.Verify(t.Context(), h.dummy.String(), long); !errors.Is(err, ErrTooLong) {
		t.Errorf("Verify: %v", err)
	}
	if err := h.Dummy(t.Context(), long); !errors.Is(err, ErrTooLong) {
		t.Errorf("Dummy: %v", err)
	}
}

func TestBusy(t *testing.T) {
	h := newHasher(t, Config{Concurrency: 1, Queue: 1})
	leave, err := h.enter(t.Context()) // the only slot is taken
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { first <- h.Dummy(ctx, "waits") }()
	for h.waiting.Load() == 0 { // until it stands in the queue
		select {
		case err := <-first:
			t.Fatalf("did not wait: %v", err)
		default:
		}
	}
	if _, err := h.Hash(t.Context(), "one too many"); !errors.Is(err, ErrBusy) {
		t.Errorf("queue full: %v", err)
	}
	if got, want := h.Stats(), (Stats{Running: 1, Slots: 1, Waiting: 1, Queue: 1, Refused: 1}); got != want {
		t.Errorf("stats %+v, want %+v", got, want)
	}
	cancel()
	if err := <-first; !errors.Is(err, ErrBusy) || !errors.Is(err, context.Canceled) {
		t.Errorf("given up waiting: %v", err)
	}
	leave()
	if got, want := h.Stats(), (Stats{Slots: 1, Queue: 1, Refused: 2}); got != want {
		t.Errorf("stats afterwards %+v, want %+v", got, want)
	}
	if err := h.Dummy(t.Context(), "free again"); err != nil {
		t.Errorf("after the flood: %v", err)
	}
}

func TestNewRefusesUselessParams(t *testing.T) {
	if _, err := New(Config{Params: Params{Memory: 4 << 20, Time: 1, Threads: 1}}); !errors.Is(err, ErrHash) {
		t.Errorf("4 GiB: %v", err)
	}
	h, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	if h.params != DefaultParams() {
		t.Errorf("default costs: %+v", h.params)
	}
}

func FuzzParsePHC(f *testing.F) {
	f.Add("$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4")
	f.Add("$argon2id$v=19$m=,t=,p=$$")
	f.Add("$2b$10$")
	f.Fuzz(func(t *testing.T, s string) {
		hash, err := parsePHC(s)
		if err != nil {
			if !errors.Is(err, ErrHash) {
				t.Fatalf("%v is not ErrHash", err)
			}
			return
		}
		if hash.Memory > maxMemory || hash.Time > maxTime || hash.Threads > maxThreads {
			t.Fatalf("unbounded: %+v", hash.Params)
		}
		again, err := parsePHC(hash.String())
		if err != nil || again.String() != hash.String() {
			t.Fatalf("%q is not read back: %v", hash.String(), err)
		}
		if _, err := checkBcrypt(s); err != nil {
			t.Fatalf("taken for bcrypt: %v", err)
		}
	})
}
