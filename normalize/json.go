package normalize

import (
	"encoding/json"
	"fmt"
)

// inputSize measures an input and refuses values that aren't exact JSON.
func inputSize(in Input) (int, error) {
	total := 0
	for _, v := range [...]any{in.IDToken, in.Userinfo, in.Extra, in.FormPost} {
		n, err := jsonSize(v)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

// jsonSize returns the length of v as compact JSON, not counting escapes.
func jsonSize(v any) (int, error) {
	switch v := v.(type) {
	case nil, bool:
		return 4, nil
	case string:
		return len(v) + 2, nil
	case json.Number:
		if !isNumber(string(v)) {
			return 0, fmt.Errorf("%w: a number is malformed", ErrNotJSON)
		}
		return len(v), nil
	case []any:
		total := 2
		for _, e := range v {
			n, err := jsonSize(e)
			if err != nil {
				return 0, err
			}
			total += n + 1
		}
		return total, nil
	case map[string]any:
		total := 2
		for key, e := range v {
			n, err := jsonSize(e)
			if err != nil {
				return 0, err
			}
			total += len(key) + n + 4
		}
		return total, nil
	}
	return 0, fmt.Errorf("%w: a value has the type %T", ErrNotJSON, v)
}

// isNumber reports whether s is a JSON number (RFC 8259 §6).
func isNumber(s string) bool {
	if s == "" || s[0] != '-' && (s[0] < '0' || s[0] > '9') {
		return false
	}
	plain := s[0] != '-' && (s[0] != '0' || len(s) == 1)
	for i := 0; plain && i < len(s); i++ {
		plain = s[i] >= '0' && s[i] <= '9'
	}
	return plain || json.Valid([]byte(s))
}
