package views

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"reflect"
	"strings"

	"golang.org/x/text/language"
)

//go:embed templates/*.html
var templateFiles embed.FS

// Options of [New].
type Options struct {
	// AssetBase is the path under which the handler serves the style sheet and the script, without a slash at its end.
	// Empty: /u/assets.
	AssetBase string
}

// Views holds the parsed templates and the texts. It is immutable and safe for concurrent use.
type Views struct {
	catalog   *Catalog
	styleURL  string
	scriptURL string
	pages     map[string]parsedPage
}

// declaration is one row of the table of pages: its name is also its template's file name.
type declaration struct {
	name string
	data any // the zero value of the page's struct
}

// declarations lists every page there is.
func declarations() []declaration {
	return []declaration{
		{"login", LoginPage{}},
		{"signup", SignupPage{}},
		{"fields", FieldsPage{}},
		{"consent", ConsentPage{}},
		{"error", ErrorPage{}},
		{"message", MessagePage{}},
		{"logout", LogoutPage{}},
		{"loggedout", LoggedOutPage{}},
		{"formpost", FormPostPage{}},
		{"webmessage", WebMessagePage{}},
	}
}

type parsedPage struct {
	template *template.Template
	data     reflect.Type
}

// New parses all templates and reads all texts, so that a broken one is noticed at start.
func New(o Options) (*Views, error) {
	catalog, err := loadCatalog()
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(o.AssetBase, "/")
	if o.AssetBase == "" {
		base = "/u/assets"
	}
	v := &Views{
		catalog:   catalog,
		styleURL:  base + "/" + hashedName(styleSheet, "css"),
		scriptURL: base + "/" + hashedName(script, "js"),
		pages:     map[string]parsedPage{},
	}
	shared, err := template.New("shared").Funcs(v.functions()).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse shared templates: %w", err)
	}
	for _, d := range declarations() {
		own, err := shared.Clone()
		if err != nil {
			return nil, fmt.Errorf("page %s: %w", d.name, err)
		}
		if own, err = own.ParseFS(templateFiles, "templates/"+d.name+".html"); err != nil {
			return nil, fmt.Errorf("page %s: %w", d.name, err)
		}
		// html/template checks the context of every value when a template is first executed; that shall be now.
		if err := own.ExecuteTemplate(io.Discard, "page", d.data); err != nil {
			return nil, fmt.Errorf("page %s: %w", d.name, err)
		}
		v.pages[d.name] = parsedPage{template: own, data: reflect.TypeOf(d.data)}
	}
	return v, nil
}

// Catalog gives the texts, for handlers that choose a language or word an error.
func (v *Views) Catalog() *Catalog { return v.catalog }

// StyleURL is the path of the style sheet. It changes with the content, so it may be cached for ever.
func (v *Views) StyleURL() string { return v.styleURL }

// ScriptURL is the path of the script. It changes with the content, so it may be cached for ever.
func (v *Views) ScriptURL() string { return v.scriptURL }

// functions are what templates may call.
func (v *Views) functions() template.FuncMap {
	return template.FuncMap{
		"t":         v.catalog.lookup,
		"ruleText":  v.catalog.ruleText,
		"scopeText": v.catalog.scopeText,
		"part":      func(lang string, value any) part { return part{Lang: lang, Value: value} },
		"fieldpart": func(lang, focus string, f Field) fieldPart { return fieldPart{lang, focus, f} },
	}
}

// part is what a template hands to a part of the page: the value and the language to show it in.
type part struct {
	Lang  string
	Value any
}

// fieldPart is a part that shows one field; Focus is the id of the page's input to begin with.
type fieldPart struct {
	Lang  string
	Focus string
	Value Field
}

// prepare fills what all pages get from here and drops brand addresses that a page must not load.
func (v *Views) prepare(p Page) Page {
	if !v.catalog.has(p.Lang) {
		p.Lang = v.catalog.Match([]string{p.Lang}, nil)
	}
	if p.Dir != "ltr" && p.Dir != "rtl" {
		p.Dir = direction(p.Lang)
	}
	if p.StyleURL == "" {
		p.StyleURL = v.styleURL
	}
	if p.ScriptURL == "" {
		p.ScriptURL = v.scriptURL
	}
	p.Brand.LogoURL = imageURL(p.Brand.LogoURL)
	p.Brand.FaviconURL = imageURL(p.Brand.FaviconURL)
	return p
}

// direction is how the language is written: "ltr" or "rtl".
func direction(lang string) string {
	script, _ := language.Make(lang).Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg":
		return "rtl"
	}
	return "ltr"
}

// render draws a page completely before the first byte is written, so that an error never leaves half a page.
func (v *Views) render(w io.Writer, name string, data any) error {
	page, ok := v.pages[name]
	if !ok {
		return fmt.Errorf("page %s is not declared", name)
	}
	if got := reflect.TypeOf(data); got != page.data {
		return fmt.Errorf("page %s shows a %s, not a %s", name, page.data, got)
	}
	var out bytes.Buffer
	if err := page.template.ExecuteTemplate(&out, "page", data); err != nil {
		return fmt.Errorf("draw page %s: %w", name, err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("send page %s: %w", name, err)
	}
	return nil
}
