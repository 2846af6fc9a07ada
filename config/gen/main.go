// Command gen writes docs/config.md from package config: keys, defaults and allowed values from the struct itself, what
// they mean from its comments. Run it in the root of the repository after a change of the struct; a test compares.
package main

import (
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"github.com/latchkey-id/latchkey/config"
)

func main() {
	root := flag.String("root", ".", "root of the repository")
	flag.Parse()
	page, err := render(*root)
	if err == nil {
		err = os.WriteFile(filepath.Join(*root, "docs", "config.md"), page, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

const head = `# Configuration

<!-- Made from the comments in config/config.go by "make docs". Change those. -->

Four layers, the later ones winning: defaults, the YAML file (` + "`--config FILE`" + `), the environment, flags. An empty variable
counts as not set; lists in the environment are comma-separated. Unknown keys are errors, and so are unknown variables
that begin with ` + "`LATCHKEY_`" + ` (those that Kubernetes and Docker set for a service named latchkey are left alone). All problems are
reported at once, each as ` + "`file:line:column: key: what is wrong (allowed: …)`" + `; ` + "`latchkey check-config`" + ` does only that.

` + "```yaml" + `
issuer: https://login.example.com/
listen: 127.0.0.1:3000
behind_tls_proxy: true
trusted_proxies: [127.0.0.1]
encryption_key_file: /run/secrets/latchkey
log:
  level: debug
` + "```" + `
`

func render(root string) ([]byte, error) {
	comments, err := readComments(filepath.Join(root, "config", "config.go"))
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(head)
	for _, f := range config.Fields() {
		comment := comments.of(f.Path)
		if comment == "" {
			return nil, fmt.Errorf("%s has no comment", strings.Join(f.Path, "."))
		}
		fmt.Fprintf(&b, "\n## `%s`\n%s\n\n| | |\n|---|---|\n", f.Key, comment)
		row(&b, "variable", f.Env)
		fmt.Fprintf(&b, "| type | %s |\n", f.Type)
		row(&b, "default", f.Default)
		row(&b, "allowed", strings.Join(f.Allowed, "`, `"))
		if f.Min != "" {
			fmt.Fprintf(&b, "| bounds | `%s` to `%s` |\n", f.Min, f.Max)
		}
	}
	return []byte(b.String()), nil
}

func row(b *strings.Builder, name, value string) {
	if value != "" {
		fmt.Fprintf(b, "| %s | `%s` |\n", name, value)
	}
}

// comments maps a struct's name to its fields' comments and the names of their types.
type comments map[string]map[string]fieldText

type fieldText struct{ comment, typeName string }

func readComments(file string) (comments, error) {
	tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	found := comments{}
	ast.Inspect(tree, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok {
			return true
		}
		structure, ok := spec.Type.(*ast.StructType)
		if !ok {
			return true
		}
		fields := map[string]fieldText{}
		for _, field := range structure.Fields.List {
			name, _ := field.Type.(*ast.Ident)
			for _, id := range field.Names {
				text := fieldText{comment: strings.TrimSpace(field.Doc.Text())}
				if name != nil {
					text.typeName = name.Name
				}
				fields[id.Name] = text
			}
		}
		found[spec.Name.Name] = fields
		return false
	})
	if len(found["Config"]) == 0 {
		return nil, errors.New(file + " declares no struct Config")
	}
	return found, nil
}

// of follows a path of Go names from Config to the field's comment.
func (c comments) of(path []string) string {
	structure, text := "Config", fieldText{}
	for _, name := range path {
		text = c[structure][name]
		structure = text.typeName
	}
	return text.comment
}
