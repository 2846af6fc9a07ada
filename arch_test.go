// Package latchkey_test holds the shape of the whole repository: who imports whom, how large things may get, what is
// refused. docs/architecture.md says why. The tests read the source files themselves, so that `go test` sees what they
// depend on.
package latchkey_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/latchkey-id/latchkey"

// row is what a package, and the packages in folders below it, may import of ours.
type row struct {
	imports []string
	why     string
}

const anything = "*"

// leaves are packages without neighbours that everybody may import. They import nothing of ours.
var leaves = map[string]string{
	"internal/seal":       "sealing is one thing, whoever stores the result",
	"internal/outage":     "drivers and surfaces share one word for: not now",
	"internal/ids":        "the shapes of identifiers are the same everywhere",
	"internal/strictjson": "JSON from outside is read with the same care everywhere",
	"internal/jsonvalue":  "values of documents are copied in the same way everywhere",
}

var surface = []string{
	"server/web", "server/views", "server/page", "sessions", "tokens", "tenant", "audit", "profilestore", "normalize", "login", "mail", "connectors",
}

const surfaceWhy = "a surface translates between HTTP and login; surfaces hand over by redirect and stored transaction, never by a call"

// table is docs/architecture.md's "Who imports whom". It may grow, with a reason; an arrow upwards never.
var table = map[string]row{
	"normalize":          {nil, "mapping claims is pure: it needs nobody"},
	"tenant":             {nil, "what an administrator configures stands by itself"},
	"sessions":           {nil, "who may continue is decided without knowing what for"},
	"tokens":             {nil, "signing and verifying needs keys and claims, nothing else"},
	"mail":               {nil, "a sender doesn't know why it sends"},
	"audit":              {nil, "log events are plain values"},
	"config":             {nil, "the process's configuration comes before everything else"},
	"outbound":           {nil, "the client to the outside is guarded in one place, for all"},
	"internal/passwords": {nil, "hash formats are arithmetic"},
	"internal/devca":     {nil, "dev mode's certificates are made before there is anything to serve"},
	"server/web":         {nil, "plain HTTP plumbing without product knowledge"},
	"server/views":       {nil, "templates get plain values, so that every surface can show a page"},

	"profilestore": {[]string{"normalize"}, "a user is made of normalized profiles"},
	"script":       {[]string{"outbound"}, "scripts reach the network through the guarded client only"},

	"server/page": {[]string{"server/views", "server/web", "tenant"}, "branding, language and form tokens are the same on every page, whose ever it is"},

	"connectors": {[]string{"tenant", "script", "outbound", "internal/passwords"}, "a connector proves who somebody is; it neither maps nor stores"},
	"pipeline":   {[]string{"profilestore", "tenant", "script"}, "a step decides; it never writes"},
	"jobs":       {[]string{"profilestore", "normalize", "internal/passwords", "mail", "audit"}, "jobs change users by the same rules as everybody"},

	"login": {
		[]string{"connectors", "normalize", "profilestore", "pipeline", "tenant", "audit", "mail", "sessions", "tokens"},
		"the one place where the hops meet, and it knows no HTTP and no database",
	},
	"observe": {
		[]string{"profilestore", "sessions", "tenant", "tokens", "audit", "server/web"},
		"what is watched are the stores' interfaces and the requests of the edge, whichever driver or surface is behind them",
	},
	"drivers": {[]string{"profilestore", "sessions", "tenant", "tokens", "audit"}, "a driver implements store interfaces and knows no flow"},

	"server/oauth":     {surface, surfaceWhy},
	"server/hosted":    {append([]string{"internal/passwords"}, surface...), surfaceWhy + "; the rules of a password policy are shown before anything is typed"},
	"server/authapi":   {surface, surfaceWhy},
	"server/mgmtapi":   {append([]string{"jobs"}, surface...), surfaceWhy},
	"server/dashboard": {surface, surfaceWhy},
	"server/dev":       {surface, surfaceWhy},

	"server": {
		[]string{"server/web", "server/views", "server/page", "server/oauth", "server/hosted", "server/authapi", "server/mgmtapi", "server/dashboard", "server/dev", "login", "sessions", "tenant"},
		"the server puts the surfaces under one roof",
	},
	"cmd/latchkey":   {[]string{anything}, "the one place where everything is constructed"},
	"bench/upstream": {nil, "a peer for load tests stands apart from what is measured"},
	"bench/drive":    {nil, "a client for load tests stands apart from what is measured"},
	"bench/load":     {[]string{anything}, "people for load tests are stored as the server stores them"},
}

// noHTTP are the packages in which statuses, cookies and requests have no place.
var noHTTP = []string{"normalize", "profilestore", "sessions", "tenant", "audit", "pipeline", "login", "drivers"}

// domain packages get the time from a clock that is handed in.
var domain = []string{
	"normalize", "profilestore", "sessions", "tenant", "tokens", "connectors", "pipeline", "jobs", "login", "audit", "mail", "drivers",
}

var refusedNames = []string{"util", "utils", "common", "helper", "helpers", "model", "models", "dto", "dtos", "misc", "shared"}

// tables are files that may be longer than others because they list data.
var tables = []string{}

const (
	maxFunction  = 110
	maxFile      = 700
	maxInterface = 6
)

// source is one parsed Go file.
type source struct {
	file  string // slash-separated, from the root
	pkg   string // its folder
	test  bool   // a _test.go file, or part of a conformance suite
	tree  *ast.File
	fset  *token.FileSet
	lines int
}

func (s source) imports(path string) bool {
	return slices.ContainsFunc(s.tree.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == strconv.Quote(path) })
}

func (s source) at(n ast.Node) string {
	return s.file + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

func sources(t *testing.T) []source {
	t.Helper()
	var found []source
	root := os.DirFS(".")
	err := fs.WalkDir(root, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			return skip(file, d.Name())
		}
		if !strings.HasSuffix(file, ".go") {
			return nil
		}
		data, err := fs.ReadFile(root, file)
		if err != nil {
			return err
		}
		fset := token.NewFileSet()
		tree, err := parser.ParseFile(fset, file, data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		found = append(found, source{
			file: file, pkg: path.Dir(file), tree: tree, fset: fset, lines: strings.Count(string(data), "\n"),
			test: strings.HasSuffix(file, "_test.go") || isTestPackage(path.Dir(file)),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d Go files found: the walk is broken", len(found))
	}
	return found
}

func skip(dir, name string) error {
	if dir == "." {
		return nil
	}
	if strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || dir == "tools" {
		return fs.SkipDir
	}
	return nil
}

// isTestPackage is true for conformance suites, end-to-end tests and what tests run and compare the product with: they may
// import what they hold to account, and only tests may import them.
func isTestPackage(pkg string) bool {
	return path.Base(pkg) == "storetest" ||
		within(pkg, []string{"attacks", "crash", "e2e", "nodes", "internal/blackbox", "internal/faultproxy", "internal/testservices", "internal/vectors"})
}

// rowOf returns the key of the row a package falls under: its own or the nearest folder's above.
func rowOf(pkg string) string {
	for dir := pkg; dir != "."; dir = path.Dir(dir) {
		if _, ok := table[dir]; ok {
			return dir
		}
	}
	return ""
}

// within tells whether the package is one of the list or lies below one.
func within(pkg string, list []string) bool {
	return slices.ContainsFunc(list, func(dir string) bool { return pkg == dir || strings.HasPrefix(pkg, dir+"/") })
}

func importsOf(s source) []string {
	var list []string
	for _, spec := range s.tree.Imports {
		list = append(list, strings.Trim(spec.Path.Value, `"`))
	}
	return list
}

func TestImportsFollowTheTable(t *testing.T) {
	for _, s := range sources(t) {
		for _, imported := range importsOf(s) {
			own, ours := strings.CutPrefix(imported, module+"/")
			if !ours || s.test {
				continue
			}
			if why := refusal(s.pkg, own); why != "" {
				t.Errorf("%s: %s must not import %s: %s", s.file, s.pkg, own, why)
			}
		}
	}
}

// refusal says why pkg must not import own, or "".
func refusal(pkg, own string) string {
	if isTestPackage(own) {
		return "only tests import conformance suites"
	}
	if why, leaf := leaves[pkg]; leaf {
		return "a leaf imports nothing of ours (" + why + ")"
	}
	if _, leaf := leaves[own]; leaf {
		return ""
	}
	from, to := rowOf(pkg), rowOf(own)
	rules := table[from]
	switch {
	case from == "":
		return "it has no row in the table"
	case to == "":
		return own + " has no row in the table"
	case from == to && (strings.HasPrefix(own, pkg) || strings.HasPrefix(pkg, own)):
		return ""
	case slices.Contains(rules.imports, anything) || slices.Contains(rules.imports, to):
		return ""
	}
	return rules.why
}

// The rules themselves are held to examples, so that a slip in them is noticed before the code it would let through.
func TestTheTableRefusesWhatItShould(t *testing.T) {
	for _, c := range []struct {
		pkg, own string
		allowed  bool
	}{
		{"profilestore", "normalize", true},
		{"normalize", "profilestore", false},
		{"login", "sessions", true},
		{"login", "server/web", false},
		{"login", "drivers/sqlite", false},
		{"drivers/sqlite", "profilestore", true},
		{"drivers/sqlite", "drivers/postgres", false},
		{"drivers/sqlite", "login", false},
		{"drivers/sqlite", "profilestore/storetest", false},
		{"profilestore", "internal/vectors", false},
		{"drivers/sqlite", "drivers/sqlite/migrations", true},
		{"server/oauth", "login", true},
		{"server/oauth", "server/hosted", false},
		{"server/oauth", "server/views", true},
		{"server/hosted", "server/views", true},
		{"server/views", "server/oauth", false},
		{"server/page", "server/views", true},
		{"server/page", "login", false},
		{"server/oauth", "server", false},
		{"server", "server/oauth", true},
		{"sessions", "internal/ids", true},
		{"internal/ids", "sessions", false},
		{"cmd/latchkey", "drivers/sqlite", true},
		{"observe", "sessions", true},
		{"observe", "drivers/postgres", false},
		{"login", "observe", false},
		{"nowhere", "login", false},
	} {
		if why := refusal(c.pkg, c.own); (why == "") != c.allowed {
			t.Errorf("%s imports %s: refused with %q, want it allowed: %v", c.pkg, c.own, why, c.allowed)
		}
	}
}

func TestEveryPackageHasARow(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range sources(t) {
		_, leaf := leaves[s.pkg]
		if s.pkg == "." || s.test || leaf || seen[s.pkg] {
			continue
		}
		seen[s.pkg] = true
		if rowOf(s.pkg) == "" {
			t.Errorf("%s has no row in the table of arch_test.go; add one with its reason", s.pkg)
		}
	}
}

func TestHTTPStaysAtTheEdge(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test && within(s.pkg, noHTTP) && slices.Contains(importsOf(s), "net/http") {
			t.Errorf("%s imports net/http: statuses and cookies belong to surfaces", s.file)
		}
	}
}

func TestPackagesAreNamedAfterWhatTheyDo(t *testing.T) {
	for _, s := range sources(t) {
		for _, name := range []string{path.Base(s.pkg), s.tree.Name.Name} {
			if slices.Contains(refusedNames, name) {
				t.Errorf("%s: a package named %q collects what has no place; name it after what it does", s.file, name)
			}
		}
	}
}

func TestEveryPackageTellsItsStoryOnce(t *testing.T) {
	stories := map[string][]string{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.file, "_test.go") {
			continue
		}
		told := stories[s.pkg]
		if s.tree.Doc != nil {
			told = append(told, s.file)
		}
		stories[s.pkg] = told
	}
	for pkg, files := range stories {
		if len(files) != 1 {
			t.Errorf("%s has %d package comments %v, want one", pkg, len(files), files)
		}
	}
}

func TestNothingGrowsTooLarge(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		if s.lines > maxFile && !slices.Contains(tables, s.file) {
			t.Errorf("%s has %d lines, more than %d", s.file, s.lines, maxFile)
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				first, last := s.fset.Position(n.Pos()).Line, s.fset.Position(n.End()).Line
				if last-first+1 > maxFunction {
					t.Errorf("%s: %s has %d lines, more than %d", s.at(n), n.Name.Name, last-first+1, maxFunction)
				}
			case *ast.InterfaceType:
				if n.Methods.NumFields() > maxInterface {
					t.Errorf("%s: an interface with %d methods, more than %d", s.at(n), n.Methods.NumFields(), maxInterface)
				}
			}
			return true
		})
	}
}

// names of package time that read or wait for the machine's clock.
var clockReaders = []string{"Now", "Since", "Until"}

func TestTimeIsHandedIn(t *testing.T) {
	for _, s := range sources(t) {
		readsClock := !s.test && within(s.pkg, domain)
		ast.Inspect(s.tree, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if id, ok := sel.X.(*ast.Ident); !ok || id.Name != "time" {
				return true
			}
			if readsClock && slices.Contains(clockReaders, sel.Sel.Name) {
				t.Errorf("%s: time.%s in domain code; take a clock (func() time.Time)", s.at(n), sel.Sel.Name)
			}
			// Inside a synctest bubble sleeping moves the bubble's clock and waits for nobody.
			if s.test && sel.Sel.Name == "Sleep" && !s.imports("testing/synctest") {
				t.Errorf("%s: time.Sleep in a test; wait for the event or move the clock", s.at(n))
			}
			return true
		})
	}
}

func TestNothingHappensByItself(t *testing.T) {
	for _, s := range sources(t) {
		for _, decl := range s.tree.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init() runs unasked; construct it in cmd/latchkey", s.at(f))
			}
		}
	}
}

// "Failed to verify code verifier", with a capital, is Auth0's own wording on the wire and passes.
func TestErrorsSayWhatIsWrong(t *testing.T) {
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.tree, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING && strings.HasPrefix(strings.Trim(lit.Value, "`\""), "failed to") {
				t.Errorf("%s: %s; say what was tried and what came back", s.at(lit), lit.Value)
			}
			return true
		})
	}
}
