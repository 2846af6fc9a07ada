package seal_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/internal/seal"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, seal.KeySize) }

func ring(t *testing.T, keys ...[]byte) *seal.Ring {
	t.Helper()
	r, err := seal.NewRing(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSealedValuesSurviveANewKey(t *testing.T) {
	sealed := ring(t, key(1)).Seal([]byte("secret"), "clients/secret/a")
	got, err := ring(t, key(2), key(1)).Open(sealed, "clients/secret/a")
	if err != nil || string(got) != "secret" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := ring(t, key(2)).Open(sealed, "clients/secret/a"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("without its key: %v", err)
	}
	if _, err := ring(t, key(1)).Open(sealed, "clients/secret/b"); !errors.Is(err, seal.ErrOpen) {
		t.Errorf("in another place: %v", err)
	}
}

func TestDerivedKeysFollowTheRing(t *testing.T) {
	derive := func(r *seal.Ring, purpose string) []byte {
		t.Helper()
		k, err := r.Derive(purpose)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	before, after := ring(t, key(1)), ring(t, key(2), key(1))
	all, err := after.DeriveAll("tokens")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]byte{derive(after, "tokens"), derive(before, "tokens")}, all); diff != "" {
		t.Error(diff)
	}
	if bytes.Equal(derive(before, "tokens"), derive(before, "cookies")) {
		t.Error("two purposes share a key")
	}
	if bytes.Equal(all[0], key(2)) {
		t.Error("the ring's own key is given away")
	}
}

func TestRingKeepsItsOwnCopyOfKeys(t *testing.T) {
	k := key(1)
	r := ring(t, k)
	clear(k)
	got, err := r.Derive("tokens")
	want, wantErr := ring(t, key(1)).Derive("tokens")
	if err != nil || wantErr != nil || !bytes.Equal(got, want) {
		t.Errorf("derived key changed with the caller's slice: %v, %v", err, wantErr)
	}
}

func TestNewRingRefusesBadKeys(t *testing.T) {
	if _, err := seal.NewRing(); err == nil {
		t.Error("no key is taken")
	}
	if _, err := seal.NewRing(key(1), key(2)[:16]); err == nil {
		t.Error("a short key is taken")
	}
}
