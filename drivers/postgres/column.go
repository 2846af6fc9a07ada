package postgres

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// longest is how many bytes an index column holds at most before it is shortened: a B-tree of PostgreSQL takes about 2700
// bytes for all columns of a row together, and identity providers choose how long their subjects are.
const longest = 500

// escape begins what stands for something that a text column can't hold.
const escape = '\x01'

// column is any string as an index column. PostgreSQL's text holds neither U+0000 nor bytes that are no UTF-8, so these are
// written as U+0001 with "0" or the byte in hexadecimal, and U+0001 itself as U+0001 with "1". A string that gets too long
// is cut and ends with U+0001, "#" and the SHA-256 of the whole. Different strings stay different. Columns are compared and
// sorted but never read back: the document and the bytea columns have the exact values.
func column(s string) string {
	plain := utf8.ValidString(s) && !strings.ContainsAny(s, "\x00\x01")
	if plain && len(s) <= longest {
		return s
	}
	exact := s
	if !plain {
		s = escaped(s)
	}
	if len(s) <= longest {
		return s
	}
	sum := sha256.Sum256([]byte(exact))
	return strings.ToValidUTF8(s[:longest-2*len(sum)-2], "") + string(escape) + "#" + hex.EncodeToString(sum[:])
}

func escaped(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, "%c%02x", escape, s[0])
		case r == 0:
			b.WriteString("\x010")
		case r == escape:
			b.WriteString("\x011")
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

// encode is v as a document for a text column. Bytes that are no UTF-8, which only raw JSON can bring, become U+FFFD here
// and not when somebody decodes them.
func encode(v any) (string, error) {
	doc, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return strings.ToValidUTF8(string(doc), "\ufffd"), nil
}

// decode reads a stored document. Numbers keep their text.
func decode(doc []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	return d.Decode(into)
}

// notNil keeps pgx from storing NULL for a value without bytes.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// micros is how times are stored; the zero time is 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
