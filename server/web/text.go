package web

import (
	"strconv"
	"strings"
	"unicode/utf16"
)

// hasNUL tells whether a NUL stands in any name or text of a decoded document. Databases cut text there, or refuse it.
func hasNUL(v any) bool {
	switch v := v.(type) {
	case string:
		return strings.ContainsRune(v, 0)
	case []any:
		for _, member := range v {
			if hasNUL(member) {
				return true
			}
		}
	case map[string]any:
		for name, member := range v {
			if strings.ContainsRune(name, 0) || hasNUL(member) {
				return true
			}
		}
	}
	return false
}

// hasLoneSurrogate tells whether an escape \uD800 to \uDFFF stands alone in a well-formed JSON text. It is no character:
// the decoder puts U+FFFD in its place, so that different names would become one.
func hasLoneSurrogate(raw []byte) bool {
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		i++
		unit, ok := escapedUnit(raw[i:])
		if !ok {
			continue
		}
		i += 4
		if !utf16.IsSurrogate(unit) {
			continue
		}
		if i+1 >= len(raw) || raw[i+1] != '\\' {
			return true
		}
		second, ok := escapedUnit(raw[i+2:])
		if !ok || utf16.DecodeRune(unit, second) == '\uFFFD' {
			return true
		}
		i += 6
	}
	return false
}

// escapedUnit reads what follows the backslash of \uXXXX.
func escapedUnit(text []byte) (rune, bool) {
	if len(text) < 5 || text[0] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(text[1:5]), 16, 16)
	return rune(unit), err == nil
}
