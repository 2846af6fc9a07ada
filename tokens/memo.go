package tokens

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

// memoSize bounds how many verified tokens are remembered; an entry is about a kilobyte.
const memoSize = 4096

// memo remembers tokens whose signature was checked, since the same token comes again and again and its signature can't
// change. It belongs to one snapshot of the keys and is gone with it, so a revoked key's tokens are checked anew. Times
// and audience are no part of it. A token lands in the slot that its hash names and pushes out what was there.
type memo [memoSize]atomic.Pointer[verified]

// verified is a token with a good signature. Its claims are shared and must not be changed.
type verified struct {
	sum      [sha256.Size]byte
	alg, typ string
	claims   map[string]any
}

func (m *memo) find(sum [sha256.Size]byte) *verified {
	v := m.slot(sum).Load()
	if v == nil || v.sum != sum {
		return nil
	}
	return v
}

func (m *memo) keep(v *verified) { m.slot(v.sum).Store(v) }

func (m *memo) slot(sum [sha256.Size]byte) *atomic.Pointer[verified] {
	return &m[binary.BigEndian.Uint16(sum[:2])%memoSize]
}
