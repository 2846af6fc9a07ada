package tenant

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// node is one YAML value with its place. Unlike the parser's tree it has no aliases, and its numbers are JSON's.
type node struct {
	place
	kind   kind
	text   string // of a text or a number
	truth  bool
	items  []*node
	fields []field
}

type field struct {
	place
	key   string
	value *node
}

// place is where something stands, counted from 1.
type place struct{ line, column int }

type kind int

const (
	kindNull kind = iota
	kindBool
	kindNumber
	kindText
	kindList
	kindMap
)

func (k kind) String() string {
	return [...]string{"nothing", "true or false", "a number", "text", "a list", "an object"}[k]
}

// A file may have this many values after its aliases are replaced, and this depth; more is an attack or an accident.
const (
	maxNodes = 1_000_000
	maxDepth = 100
)

// treeReader turns the parser's tree into nodes, collecting what is wrong.
type treeReader struct {
	report  func(at place, path, format string, args ...any)
	anchors map[string]*node
	count   int
	full    bool
}

// readTree parses one YAML document. It returns nil where the text as a whole can't be read.
func readTree(text string, report func(at place, path, format string, args ...any)) *node {
	if at, deep := tooDeep(text); deep {
		report(at, "", "is nested deeper than %d levels", maxDepth)
		return nil
	}
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if err != nil {
		at := place{1, 1}
		message := "is no YAML"
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			message = syntax.GetMessage()
			at = placeOf(syntax.GetToken())
		}
		report(at, "", "%s", message)
		return nil
	}
	r := &treeReader{report: report, anchors: map[string]*node{}}
	var root *node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		body := r.read(doc.Body, 0)
		if root != nil {
			report(body.place, "", "a second document begins; a tenant file has one")
			break
		}
		root = body
	}
	return root
}

// tooDeep looks for collections in collections that would make the parser recurse without end. It counts brackets and
// list dashes without reading the YAML around them, so its limit leaves room for texts that are full of them.
func tooDeep(text string) (place, bool) {
	at := place{1, 0}
	open, dashes := 0, 0
	for _, r := range text {
		at.column++
		switch r {
		case '\n':
			at = place{at.line + 1, 0}
			dashes = 0
		case '[', '{':
			open++
		case ']', '}':
			open = max(0, open-1)
		case '-', '?', ':', '&', '*', '!':
			dashes++
		}
		if open > 10*maxDepth || dashes > 1000*maxDepth {
			return at, true
		}
	}
	return place{}, false
}

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{t.Position.Line, t.Position.Column}
}

func (r *treeReader) read(n ast.Node, depth int) *node {
	if n == nil {
		return &node{place: place{1, 1}}
	}
	out := &node{place: placeOf(n.GetToken())}
	if depth > maxDepth || !r.room(out, 1) {
		if !r.full {
			r.report(out.place, "", "is nested deeper than %d levels", maxDepth)
			r.full = true
		}
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		out.kind, out.truth = kindBool, n.Value
	case *ast.StringNode:
		out.kind, out.text = kindText, n.Value
	case *ast.LiteralNode:
		out.kind, out.text = kindText, n.Value.Value
	case *ast.IntegerNode, *ast.FloatNode:
		r.number(out, n.GetToken().Value)
	case *ast.SequenceNode:
		out.kind = kindList
		for _, item := range n.Values {
			out.items = append(out.items, r.read(item, depth+1))
		}
	case *ast.MappingNode:
		r.mapping(out, n.Values, depth)
	case *ast.MappingValueNode:
		r.mapping(out, []*ast.MappingValueNode{n}, depth)
	case *ast.AnchorNode:
		out = r.read(n.Value, depth+1)
		r.anchors[n.Name.GetToken().Value] = out
	case *ast.AliasNode:
		return r.alias(out, n.Value.GetToken().Value)
	default:
		r.report(out.place, "", "this kind of YAML (%s) can't be used here", n.Type())
	}
	return out
}

// room counts values, so that aliases of aliases can't grow without end.
func (r *treeReader) room(at *node, n int) bool {
	r.count += n
	if r.count <= maxNodes {
		return true
	}
	if !r.full {
		r.report(at.place, "", "the file has more than %d values", maxNodes)
		r.full = true
	}
	return false
}

func (r *treeReader) alias(at *node, name string) *node {
	target, known := r.anchors[name]
	if !known {
		r.report(at.place, "", "alias *%s has no anchor before it", name)
		return at
	}
	if !r.room(at, target.size()) {
		return at
	}
	return target
}

func (n *node) size() int {
	size := 1
	for _, item := range n.items {
		size += item.size()
	}
	for _, f := range n.fields {
		size += f.value.size()
	}
	return size
}

func (r *treeReader) mapping(out *node, values []*ast.MappingValueNode, depth int) {
	out.kind = kindMap
	if len(values) > 0 {
		out.place = placeOf(values[0].Key.GetToken())
	}
	var merged []*node
	for _, v := range values {
		f := field{place: placeOf(v.Key.GetToken())}
		switch key := v.Key.(type) {
		case *ast.MergeKeyNode:
			merged = append(merged, r.read(v.Value, depth+1))
			continue
		case *ast.StringNode:
			f.key = key.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NullNode:
			f.key = key.GetToken().Value
		default:
			r.report(f.place, "", "a key must be plain text")
			continue
		}
		f.value = r.read(v.Value, depth+1)
		if first := out.field(f.key); first != nil {
			r.report(f.place, f.key, "is given twice (first in line %d)", first.line)
			continue
		}
		out.fields = append(out.fields, f)
	}
	for _, m := range merged {
		r.merge(out, m)
	}
}

// merge adds the fields of a "<<" value that are not there yet (YAML: Merge Key Language-Independent Type).
func (r *treeReader) merge(out, from *node) {
	if from.kind == kindList {
		for _, item := range from.items {
			r.merge(out, item)
		}
		return
	}
	if from.kind != kindMap {
		r.report(from.place, "<<", "expected an object, got %s", from.kind)
		return
	}
	for _, f := range from.fields {
		if out.field(f.key) == nil {
			out.fields = append(out.fields, f)
		}
	}
}

var (
	jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
	// Long exponents are no settings and make some readers of JSON compute for ever.
	longExponent = regexp.MustCompile(`[eE][+-]?[0-9]{4,}$`)
)

// number accepts what JSON calls a number, digit by digit as it is written.
func (r *treeReader) number(out *node, text string) {
	out.kind, out.text = kindNumber, text
	if !jsonNumber.MatchString(text) || longExponent.MatchString(text) {
		r.report(out.place, "", "write numbers as in JSON, or put quotes around a text that looks like a number")
		out.text = "0"
	}
}

func (n *node) field(key string) *field {
	if n == nil {
		return nil
	}
	for i := range n.fields {
		if n.fields[i].key == key {
			return &n.fields[i]
		}
	}
	return nil
}

// value returns the node as a JSON document would be read, numbers as json.Number.
func (n *node) value() any {
	switch n.kind {
	case kindBool:
		return n.truth
	case kindNumber:
		return json.Number(n.text)
	case kindText:
		return n.text
	case kindList:
		list := make([]any, len(n.items))
		for i, item := range n.items {
			list[i] = item.value()
		}
		return list
	case kindMap:
		m := make(map[string]any, len(n.fields))
		for _, f := range n.fields {
			m[f.key] = f.value.value()
		}
		return m
	}
	return nil
}

// find returns where path, as in [Problem.Path], stands, or where the nearest thing around it does.
func (n *node) find(path string) place {
	at := n.place
	for path != "" {
		next, rest := n.step(strings.TrimPrefix(path, "."))
		if next == nil {
			break
		}
		n, path, at = next, rest, next.place
	}
	return at
}

// step goes to the member that path begins with. Keys may contain dots, so the longest that fits wins.
func (n *node) step(path string) (*node, string) {
	if n.kind == kindList {
		for i, item := range n.items {
			if rest, ok := strings.CutPrefix(path, indexPath("", i)); ok {
				return item, rest
			}
		}
		return nil, ""
	}
	var found *field
	for i := range n.fields {
		f := &n.fields[i]
		rest, ok := strings.CutPrefix(path, f.key)
		if ok && (rest == "" || rest[0] == '.' || rest[0] == '[') && (found == nil || len(f.key) > len(found.key)) {
			found = f
		}
	}
	if found == nil {
		return nil, ""
	}
	return found.value, path[len(found.key):]
}
