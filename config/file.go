package config

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxFile bounds a configuration file, which has a few hundred lines at most.
const maxFile = 256 << 10

// setting is one value that a layer gives, as text. Lists are comma-separated.
type setting struct {
	field Field
	text  string
	place place
}

// fileReader turns a YAML document into settings. It walks the syntax tree itself, because that is where the positions
// are and because a decoder stops at the first mistake.
type fileReader struct {
	name     string
	fields   map[string]Field
	keys     []string // of all fields, in order
	settings []setting
	problems Problems
}

func readFile(name string, data []byte, fields []Field) ([]setting, Problems) {
	r := &fileReader{name: name, fields: map[string]Field{}}
	for _, f := range fields {
		r.fields[f.Key] = f
		r.keys = append(r.keys, f.Key)
	}
	if len(data) > maxFile {
		r.problems = append(r.problems, Problem{Text: fmt.Sprintf("is larger than %d bytes", maxFile), place: place{file: name}})
		return nil, r.problems
	}
	file, err := parser.ParseBytes(data, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err)
		return nil, r.problems
	}
	for i, doc := range file.Docs {
		if i > 0 && doc.Body != nil {
			r.add(doc.Body, "", "is a second document; only one is read", "")
			break
		}
		if doc.Body != nil {
			r.section(doc.Body, "")
		}
	}
	return r.settings, r.problems
}

func (r *fileReader) syntax(err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		r.problems = append(r.problems, Problem{Text: "is not YAML: " + err.Error(), place: place{file: r.name}})
		return
	}
	r.problems = append(r.problems, Problem{Text: "is not YAML: " + syntax.GetMessage(), place: r.at(syntax.GetToken())})
}

func (r *fileReader) at(t *token.Token) place {
	p := place{file: r.name}
	if t != nil && t.Position != nil {
		p.line, p.column = t.Position.Line, t.Position.Column
	}
	return p
}

func (r *fileReader) add(n ast.Node, key, text, allowed string) {
	r.problems = append(r.problems, Problem{Key: key, Text: text, Allowed: allowed, place: r.at(n.GetToken())})
}

// section reads a mapping whose keys stand below prefix ("" or "log.").
func (r *fileReader) section(n ast.Node, prefix string) {
	var values []*ast.MappingValueNode
	switch n := n.(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	case *ast.NullNode, *ast.CommentGroupNode: // every key below is commented out
		return
	default:
		r.add(n, strings.TrimSuffix(prefix, "."), "must hold keys and not "+describe(n), strings.Join(r.below(prefix), ", "))
		return
	}
	lines := map[string]int{}
	for _, v := range values {
		name, ok := v.Key.(*ast.StringNode)
		if !ok {
			r.add(v.Key, strings.TrimSuffix(prefix, "."), "has a key that is no plain text", "")
			continue
		}
		key := prefix + name.Value
		if line, twice := lines[key]; twice {
			r.add(name, key, fmt.Sprintf("stands here for the second time; the first is in line %d", line), "")
			continue
		}
		lines[key] = name.GetToken().Position.Line
		r.entry(name, key, v.Value, prefix)
	}
}

func (r *fileReader) entry(name ast.Node, key string, value ast.Node, prefix string) {
	if field, ok := r.fields[key]; ok {
		r.value(field, value)
		return
	}
	if len(r.below(key+".")) > 0 {
		r.section(value, key+".")
		return
	}
	if guess := r.guess(key); guess != "" {
		r.add(name, key, fmt.Sprintf("unknown key, did you mean %q?", guess), "")
		return
	}
	r.add(name, key, "unknown key", strings.Join(r.below(prefix), ", "))
}

// below lists the names that may stand directly below the prefix.
func (r *fileReader) below(prefix string) []string {
	var names []string
	for _, key := range r.keys {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// guess finds the key that was probably meant: one with nearly the same letters, or the only one that ends so.
func (r *fileReader) guess(key string) string {
	names := slices.Clone(r.keys)
	for _, k := range r.keys {
		if section, _, nested := strings.Cut(k, "."); nested && !slices.Contains(names, section) {
			names = append(names, section)
		}
	}
	if near := nearest(key, names); near != "" {
		return near
	}
	last := "." + key[strings.LastIndex(key, ".")+1:]
	found := ""
	for _, k := range r.keys {
		if strings.HasSuffix(k, last) {
			if found != "" {
				return ""
			}
			found = k
		}
	}
	return found
}

func (r *fileReader) value(f Field, n ast.Node) {
	text, wrong := r.text(f, n)
	if wrong != nil {
		r.add(n, f.Key, wrong.text, wrong.allowed)
		return
	}
	r.settings = append(r.settings, setting{field: f, text: text, place: r.at(n.GetToken())})
}

// text returns the value as the environment would give it, or why it has the wrong type.
func (r *fileReader) text(f Field, n ast.Node) (string, *mistake) {
	if _, null := n.(*ast.NullNode); null || n == nil {
		return "", &mistake{text: "has no value"}
	}
	list, isList := n.(*ast.SequenceNode)
	switch f.Type {
	case "yes or no":
		if b, ok := n.(*ast.BoolNode); ok {
			return fmt.Sprint(b.Value), nil
		}
		return "", &mistake{"must be true or false and not " + describe(n), allowedBool}
	case "number":
		if i, ok := n.(*ast.IntegerNode); ok {
			return integer(i), nil
		}
		return "", &mistake{"must be a whole number and not " + describe(n), f.Min + " to " + f.Max}
	case "fraction":
		switch n := n.(type) {
		case *ast.IntegerNode:
			return integer(n), nil
		case *ast.FloatNode:
			return n.GetToken().Value, nil
		}
		return "", &mistake{"must be a number and not " + describe(n), f.Min + " to " + f.Max}
	case "list of networks":
		if isList {
			return joinTexts(list)
		}
		return "", &mistake{"must be a list and not " + describe(n), allowedNetworks}
	case "yes or no, or a list of networks":
		if isList {
			return joinTexts(list)
		}
		if b, ok := n.(*ast.BoolNode); ok {
			return fmt.Sprint(b.Value), nil
		}
		return "", &mistake{"must be true, false or a list and not " + describe(n), allowedBool + ", or a list of " + allowedNetworks}
	}
	if s, ok := scalarText(n); ok {
		return s, nil
	}
	allowed := strings.Join(f.Allowed, ", ")
	if f.Type == "duration" {
		allowed = allowedDuration
	}
	return "", &mistake{"must be text and not " + describe(n), allowed}
}

// integer returns what the number is in base ten: YAML also knows 0x10 and 0o17.
func integer(n *ast.IntegerNode) string {
	switch v := n.Value.(type) {
	case uint64:
		if v > math.MaxInt64 {
			return n.GetToken().Value
		}
		return fmt.Sprint(v)
	default:
		return fmt.Sprint(v)
	}
}

func scalarText(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), true
	}
	return "", false
}

func joinTexts(list *ast.SequenceNode) (string, *mistake) {
	var items []string
	for _, item := range list.Values {
		text, ok := scalarText(item)
		if !ok {
			return "", &mistake{"must be a list of texts and not of " + describe(item), allowedNetworks}
		}
		items = append(items, text)
	}
	return strings.Join(items, ","), nil
}

func describe(n ast.Node) string {
	switch n.(type) {
	case *ast.StringNode, *ast.LiteralNode:
		return "text"
	case *ast.IntegerNode:
		return "a number"
	case *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a fraction"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	case *ast.SequenceNode:
		return "a list"
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys"
	case *ast.AnchorNode, *ast.AliasNode:
		return "an anchor or alias"
	case *ast.TagNode:
		return "a tagged value"
	}
	return "this"
}
