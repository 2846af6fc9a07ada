package normalize

import (
	"encoding/json"
	"errors"
	"strings"
	"unicode/utf8"
)

// saysTrue reads a boolean as providers send it: true, "true", 1 or "1". Everything else is false, so that a provider's
// whim never verifies an address.
func saysTrue(v any) bool {
	switch v := v.(type) {
	case bool:
		return v
	case string:
		return v == "true" || v == "1"
	case json.Number:
		return v == "1"
	}
	return false
}

var errBlankSubject = errors.New("it is blank")

// subjectText returns the exact text of a subject: a string as it is, a number in decimal digits. Numbers in another
// notation (1e3, 1.5) and those below 1 are refused, since they name nobody for certain.
func subjectText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		if strings.TrimSpace(v) == "" {
			return "", errBlankSubject
		}
		if !utf8.ValidString(v) {
			return "", errors.New("it is not UTF-8")
		}
		return v, nil
	case json.Number:
		if v == "" || v[0] == '0' || strings.ContainsFunc(string(v), func(r rune) bool { return r < '0' || r > '9' }) {
			return "", errors.New("the number is not a positive whole one in decimal digits")
		}
		return string(v), nil
	}
	return "", errors.New("its type is " + TypeName(v))
}

// text returns a string with something in it, as it stands.
func text(v any) (string, bool) {
	s, ok := v.(string)
	return s, ok && strings.TrimSpace(s) != ""
}

// isBlank: null, or a string of nothing but blanks.
func isBlank(v any) bool {
	if v == nil {
		return true
	}
	s, ok := v.(string)
	return ok && strings.TrimSpace(s) == ""
}

// object returns v as a JSON object with something in it.
func object(v any) (map[string]any, bool) {
	m, ok := v.(map[string]any)
	return m, ok && len(m) > 0
}
