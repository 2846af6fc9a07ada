package tenant

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// File is a tenant file that was read: the YAML that Auth0's Deploy CLI exports and imports, with two additions,
// credentials of clients and people to seed. It may name a part of a tenant only; [Plan] changes just that part.
type File struct {
	// Name is the file's path, for messages.
	Name            string
	Clients         []Entry[Client]
	ClientGrants    []Entry[ClientGrant] // ClientID is a client's id or name
	Connections     []Entry[Connection]  // databases first; EnabledClients are ids or names
	ResourceServers []Entry[ResourceServer]
	Roles           []Entry[Role]
	Users           []SeedUser
	// Ignored names the sections that this version doesn't act on, sorted, for the caller to tell the operator.
	Ignored []string

	tenant, branding *node
}

// Entry is one noun of a file.
type Entry[T any] struct {
	// Value has what the file says; the rest is zero.
	Value T
	node  *node
}

// SeedUser is a person to create for development (users[]).
type SeedUser struct {
	// Connection is the name of the database.
	Connection string
	// Password is in clear; empty where Profile has a custom_password_hash or the person has none.
	Password string
	// Profile is the rest of the entry, in the schema of Auth0's bulk import. Numbers are json.Number.
	Profile map[string]any
	node    *node
}

// FileProblem is one mistake in a file. Line and Column count from 1.
type FileProblem struct {
	File         string
	Line, Column int
	Problem
}

// String is "file:line:column: path: message".
func (p FileProblem) String() string {
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Problem)
}

// FileError has all mistakes of a file, in the order of its lines.
type FileError struct{ Problems []FileProblem }

// Error gives a line per problem.
func (e *FileError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// maxFileBytes limits a tenant file and each file that it refers to.
const maxFileBytes = 8 << 20

// ParseFile reads a tenant file. env gives values for ##KEY## (the text as it is) and @@KEY@@ (as JSON; a value that is a
// JSON array or object itself stays what it is). Texts that name a file by relative path, such as
// "./databases/users/login.js", are replaced by that file's content; files outside of the tenant file's directory are
// never read. Mistakes come as a *[FileError], all at once.
func ParseFile(path string, env func(string) (string, bool)) (*File, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the tenant file: %w", err)
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("opening the tenant file's directory: %w", err)
	}
	file, err := Parse(path, text, root.FS(), env)
	if closeErr := root.Close(); err == nil && closeErr != nil {
		return nil, fmt.Errorf("closing the tenant file's directory: %w", closeErr)
	}
	return file, err
}

// Parse is [ParseFile] for a text that is in memory already. name is for messages; files has what the text refers to.
func Parse(name string, text []byte, files fs.FS, env func(string) (string, bool)) (*File, error) {
	r := &fileReader{file: &File{Name: name}, files: files, env: env}
	if len(text) > maxFileBytes {
		r.report(name, place{1, 1}, "", "the file is larger than %d bytes", maxFileBytes)
		return nil, r.err()
	}
	source := replaceKeywords(string(text), "#", env, func(at place, path, format string, args ...any) {
		r.report(name, at, path, format, args...)
	})
	r.at = func(p place) place { return place{source.line(p.line), p.column} }
	root := readTree(source.text, r.here)
	switch {
	case root == nil && len(r.problems) == 0:
		r.report(name, place{1, 1}, "", "the file is empty")
	case root != nil && root.kind != kindMap:
		r.here(root.place, "", "expected sections such as clients and connections, got %s", root.kind)
	case root != nil:
		r.relocate(root)
		r.sections(root)
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return r.file, nil
}

// fileReader collects sections and problems.
type fileReader struct {
	file     *File
	files    fs.FS
	env      func(string) (string, bool)
	at       func(place) place // from the text with keywords replaced to the file's own
	problems []FileProblem
}

func (r *fileReader) report(file string, at place, path, format string, args ...any) {
	r.problems = append(r.problems, FileProblem{
		File: file, Line: at.line, Column: at.column, Problem: Problem{Path: path, Message: fmt.Sprintf(format, args...)},
	})
}

// here reports a place in the tenant file's text.
func (r *fileReader) here(at place, path, format string, args ...any) {
	r.report(r.file.Name, r.at(at), path, format, args...)
}

func (r *fileReader) err() error { return fileError(r.problems) }

func fileError(problems []FileProblem) error {
	if len(problems) == 0 {
		return nil
	}
	slices.SortStableFunc(problems, func(a, b FileProblem) int {
		if order := strings.Compare(a.File, b.File); order != 0 {
			return order
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return &FileError{Problems: slices.Compact(problems)}
}

// relocate gives every node the line of the file that it came from, once, so that later readers needn't know.
func (r *fileReader) relocate(root *node) {
	seen := map[*node]bool{}
	var walk func(n *node)
	walk = func(n *node) {
		if seen[n] { // an alias
			return
		}
		seen[n] = true
		n.place = r.at(n.place)
		for _, item := range n.items {
			walk(item)
		}
		for i := range n.fields {
			n.fields[i].place = r.at(n.fields[i].place)
			walk(n.fields[i].value)
		}
	}
	walk(root)
	r.at = func(p place) place { return p }
}

// inlineSection goes through a section noun by noun, since paths in messages begin at the noun.
func (r *fileReader) inlineSection(n *node) {
	if n.kind != kindList {
		r.inline(n, "")
		return
	}
	for _, noun := range n.items {
		r.inline(noun, "")
	}
}

// inline replaces texts that name a file by that file's content, everywhere under n.
func (r *fileReader) inline(n *node, path string) {
	switch n.kind {
	case kindText:
		if content, ok := r.content(n, path); ok {
			n.text = content
		}
	case kindList:
		for i, item := range n.items {
			r.inline(item, indexPath(path, i))
		}
	case kindMap:
		for _, f := range n.fields {
			r.inline(f.value, strings.TrimPrefix(path+"."+f.key, "."))
		}
	}
}

// content returns the file that a text names. A text that begins with "./" or "../" and ends like a file must name one;
// other texts that end in .js or .html are left alone where no such file exists.
func (r *fileReader) content(n *node, path string) (string, bool) {
	name := n.text
	dotted := strings.HasPrefix(name, "./") || strings.HasPrefix(name, "../")
	script := strings.HasSuffix(name, ".js") || strings.HasSuffix(name, ".html")
	if (!dotted && !script) || len(name) > 1024 || strings.ContainsAny(name, "\n\r\x00\\:") || strings.HasPrefix(name, "/") {
		return "", false
	}
	clean := filepath.ToSlash(filepath.Clean(name))
	if !fs.ValidPath(clean) {
		r.here(n.place, path, "%q is outside of the tenant file's directory", name)
		return "", false
	}
	if r.files == nil {
		return "", r.missing(n, path, name, dotted && script)
	}
	info, err := fs.Stat(r.files, clean)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", r.missing(n, path, name, dotted && script)
	case err != nil:
		r.here(n.place, path, "%q can't be read: it is outside of the tenant file's directory, or may not be opened", name)
		return "", false
	case !info.Mode().IsRegular():
		return "", r.missing(n, path, name, dotted && script)
	case info.Size() > maxFileBytes:
		r.here(n.place, path, "%q is larger than %d bytes", name, maxFileBytes)
		return "", false
	}
	text, err := fs.ReadFile(r.files, clean)
	if err != nil {
		r.here(n.place, path, "%q can't be read: %v", name, errors.Unwrap(err))
		return "", false
	}
	source := replaceKeywords(string(text), "//", r.env, func(at place, key, format string, args ...any) {
		r.report(filepath.ToSlash(filepath.Join(filepath.Dir(r.file.Name), clean)), at, key, format, args...)
	})
	return source.text, true
}

// missing reports a text that can only have meant a file. It always returns false.
func (r *fileReader) missing(n *node, path, name string, certain bool) bool {
	if certain {
		r.here(n.place, path, "there is no file %q beside the tenant file", name)
	}
	return false
}
