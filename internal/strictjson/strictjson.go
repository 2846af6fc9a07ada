// Package strictjson reads JSON that strangers send: request bodies, answers of identity providers, token payloads. Two
// readers of one document must never see different things, so a name may occur once per object, names are compared
// exactly, nothing may follow the document, and numbers stay the text they were. Size and depth are capped before
// anything is built.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// ErrTooLarge says that a document has more bytes than its reader allows.
var ErrTooLarge = errors.New("JSON document is too large")

// shownName is how many characters of a name an error repeats.
const shownName = 64

// Error says what is wrong with a document, and where. It repeats names of the document, never values.
type Error struct {
	Line, Column int // from 1; the column counts bytes
	Problem      string
}

func (e *Error) Error() string {
	return fmt.Sprintf("invalid JSON at line %d, column %d: %s", e.Line, e.Column, e.Problem)
}

// Decode reads one document of at most maxBytes bytes and maxDepth nested arrays and objects. The result is made of
// map[string]any, []any, string, json.Number, bool and nil. Errors: ErrTooLarge, *Error, or what r returned.
func Decode(r io.Reader, maxBytes int64, maxDepth int) (any, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, err
	}
	if int64(len(text)) > maxBytes {
		return nil, ErrTooLarge
	}
	return decode(text, maxDepth)
}

// DecodeObject is Decode for documents that must be an object.
func DecodeObject(r io.Reader, maxBytes int64, maxDepth int) (map[string]any, error) {
	v, err := Decode(r, maxBytes, maxDepth)
	if err != nil {
		return nil, err
	}
	object, ok := v.(map[string]any)
	if !ok {
		return nil, &Error{Line: 1, Column: 1, Problem: "an object is expected"}
	}
	return object, nil
}

// decode first has the whole text checked, so that the walk through its tokens only looks for what the grammar allows.
func decode(text []byte, maxDepth int) (any, error) {
	d := &decoder{text: text, json: json.NewDecoder(bytes.NewReader(text)), maxDepth: maxDepth}
	d.json.UseNumber()
	if bad := invalidUTF8(text); bad >= 0 {
		return nil, d.errorAt(int64(bad), "not UTF-8")
	}
	var document json.RawMessage
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, d.syntaxError(err)
	}
	return d.value(0)
}

// invalidUTF8 returns where the first byte is that is not UTF-8, -1 without one. encoding/json would replace it, so that
// two different names became one.
func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

type decoder struct {
	text     []byte
	json     *json.Decoder
	maxDepth int
}

func (d *decoder) value(depth int) (any, error) {
	token, err := d.token()
	if err != nil {
		return nil, err
	}
	delim, ok := token.(json.Delim)
	if !ok {
		return token, nil
	}
	if depth == d.maxDepth {
		return nil, d.error(fmt.Sprintf("more than %d nested arrays and objects", d.maxDepth))
	}
	if delim == '{' {
		return d.object(depth + 1)
	}
	return d.array(depth + 1)
}

func (d *decoder) object(depth int) (map[string]any, error) {
	object := map[string]any{}
	for d.json.More() {
		token, err := d.token()
		if err != nil {
			return nil, err
		}
		name, ok := token.(string)
		if !ok {
			return nil, d.error("a name is expected")
		}
		if _, twice := object[name]; twice {
			return nil, d.error(fmt.Sprintf("the name %q occurs twice", shorten(name)))
		}
		if object[name], err = d.value(depth); err != nil {
			return nil, err
		}
	}
	_, err := d.token() // the closing brace
	return object, err
}

func (d *decoder) array(depth int) ([]any, error) {
	array := []any{}
	for d.json.More() {
		v, err := d.value(depth)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err := d.token() // the closing bracket
	return array, err
}

// token returns the next token. What it reports was overlooked by the check before, so it has no better position.
func (d *decoder) token() (json.Token, error) {
	token, err := d.json.Token()
	if err != nil {
		return nil, d.error(err.Error())
	}
	return token, nil
}

// syntaxError turns an error of encoding/json, whose offset is behind the byte it complains about.
func (d *decoder) syntaxError(err error) error {
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return d.errorAt(0, err.Error())
	}
	if syntax.Error() == "unexpected end of JSON input" {
		return d.errorAt(int64(len(d.text)), "unexpected end")
	}
	return d.errorAt(syntax.Offset-1, syntax.Error())
}

func (d *decoder) error(problem string) error { return d.errorAt(d.json.InputOffset(), problem) }

func (d *decoder) errorAt(offset int64, problem string) error {
	before := d.text[:min(max(offset, 0), int64(len(d.text)))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	return &Error{Line: line, Column: column, Problem: problem}
}

func shorten(name string) string {
	runes := []rune(name)
	if len(runes) <= shownName {
		return name
	}
	return strings.TrimSpace(string(runes[:shownName])) + "…"
}
