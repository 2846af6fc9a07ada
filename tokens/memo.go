package tokens

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
)

// memoSize bounds how many verified tokens are remembered; an entry is about a kilobyte. It is even.
const memoSize = 8192

// memo remembers tokens whose signature was checked, since the same token comes again and again and its signature can't
// change. It belongs to one snapshot of the keys and is gone with it, so a revoked key's tokens are checked anew. Times
// and audience are no part of it. A token lands in one of the two slots that its hash names and, where both are taken, pushes
// out what was in the first.
type memo [memoSize]atomic.Pointer[verified]

// verified is a token with a good signature. Its claims are shared and must not be changed.
type verified struct {
	sum      [sha256.Size]byte
	alg, typ string
	claims   map[string]any
}

func (m *memo) find(sum [sha256.Size]byte) *verified {
	first := slot(sum)
	for _, at := range [...]int{first, first ^ 1} {
		if v := m[at].Load(); v != nil && v.sum == sum {
			return v
		}
	}
	return nil
}

func (m *memo) keep(v *verified) {
	first := slot(v.sum)
	if m[first].Load() != nil && m[first^1].CompareAndSwap(nil, v) {
		return
	}
	m[first].Store(v)
}

func slot(sum [sha256.Size]byte) int { return int(binary.BigEndian.Uint16(sum[:2])) % memoSize }
