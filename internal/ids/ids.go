// Package ids makes identifiers in the shapes that Auth0's tools and SDKs compare.
package ids

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
)

const alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// Hex24 is the id of a database user, a resource server or a grant: 24 lower-case hex digits.
func Hex24() string {
	var b [12]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// Prefixed is "con_", "rol_", "cgr_" … with 16 letters and digits.
func Prefixed(prefix string) string { return prefix + "_" + Alphanumeric(16) }

// ClientID is 32 letters and digits.
func ClientID() string { return Alphanumeric(32) }

// Secret is 256 random bits in base64url: codes, session ids, refresh tokens, client secrets.
func Secret() string {
	var b [32]byte
	rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Alphanumeric returns n random letters and digits, each equally likely.
func Alphanumeric(n int) string {
	out := make([]byte, 0, n)
	var b [64]byte
	for len(out) < n {
		rand.Read(b[:])
		for _, v := range b {
			// 248 is the largest multiple of 62 in a byte; what lies above would favour the first letters.
			if v < 248 && len(out) < n {
				out = append(out, alphanumeric[int(v)%len(alphanumeric)])
			}
		}
	}
	return string(out)
}
