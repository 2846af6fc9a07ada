package mgmtapi

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// param is one query parameter of an endpoint.
type param struct {
	Name string
	Type paramType
	// Min and Max bound an integer.
	Min, Max int
	// Values are the ones allowed, of a text, or of each part of a list.
	Values []string
	// Pattern is a rule for a text; Rule says it in words.
	Pattern *regexp.Regexp
	Rule    string
	// Description is the text that errors name the parameter by.
	Description string
	Required    bool
	// Many parameters may be given more than once.
	Many bool
}

type paramType int

const (
	textParam paramType = iota
	intParam
	boolParam
	listParam // comma separated
)

// maxQueryText bounds every parameter in characters.
const maxQueryText = 4096

// query has the checked parameters.
type query struct {
	values url.Values
}

func (q query) text(name string) string { return q.values.Get(name) }

func (q query) has(name string) bool { return q.values.Has(name) }

func (q query) number(name string, otherwise int) int {
	n, err := strconv.Atoi(q.values.Get(name))
	if err != nil {
		return otherwise
	}
	return n
}

func (q query) truth(name string, otherwise bool) bool {
	if !q.values.Has(name) {
		return otherwise
	}
	return q.values.Get(name) == "true"
}

// list splits a comma separated text.
func (q query) list(name string) []string {
	return strings.FieldsFunc(q.values.Get(name), func(r rune) bool { return r == ',' || r == ' ' })
}

// readQuery checks the query string against the endpoint's parameters. Others are refused: a misspelt filter would
// otherwise return everything.
func (c *call) readQuery(params []param) error {
	values, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return badRequest("Query validation error: 'The query string is malformed'.", codeInvalidQuery)
	}
	var extra []string
	for name := range values {
		if !slices.ContainsFunc(params, func(p param) bool { return p.Name == name }) {
			extra = append(extra, name)
		}
	}
	if len(extra) > 0 {
		slices.Sort(extra)
		return badRequest("Query validation error: 'Additional properties not allowed: "+strings.Join(extra, ",")+"'.", codeInvalidQuery)
	}
	for _, p := range params {
		if err := p.check(values[p.Name]); err != nil {
			return err
		}
	}
	c.query = query{values}
	return nil
}

func (p param) check(given []string) error {
	switch {
	case len(given) == 0 && p.Required:
		return badRequest("Query validation error: 'Missing required property: "+p.Name+"'.", codeInvalidQuery)
	case len(given) > 1 && !p.Many:
		return p.bad("Expected one value but found %d", len(given))
	}
	for _, value := range given {
		if err := p.checkOne(value); err != nil {
			return err
		}
	}
	return nil
}

func (p param) bad(format string, args ...any) error {
	return badParameter(p.Name, p.Description, fmt.Sprintf(format, args...))
}

func (p param) checkOne(value string) error {
	if n := len([]rune(value)); n > maxQueryText {
		return p.bad("String is too long (%d chars), maximum %d", n, maxQueryText)
	}
	if strings.ContainsRune(value, 0) {
		return p.bad("String contains a NUL character")
	}
	switch p.Type {
	case intParam:
		return p.checkInt(value)
	case boolParam:
		if value != "true" && value != "false" {
			return p.bad("Expected type boolean but found type string")
		}
	case listParam:
		return p.checkList(value)
	default:
		return p.checkText(value)
	}
	return nil
}

func (p param) checkInt(value string) error {
	n, err := strconv.Atoi(value)
	switch {
	case err != nil:
		return p.bad("Expected type integer but found type string")
	case n < p.Min:
		return p.bad("Value %d is less than minimum %d", n, p.Min)
	case n > p.Max:
		return p.bad("Value %d is greater than maximum %d", n, p.Max)
	}
	return nil
}

func (p param) checkList(value string) error {
	if p.Values == nil {
		return nil
	}
	for part := range strings.SplitSeq(value, ",") {
		if !slices.Contains(p.Values, part) {
			return p.bad("String '%s' does not match pattern. Must be a comma separated list of the following values: %s",
				value, strings.Join(p.Values, ","))
		}
	}
	return nil
}

func (p param) checkText(value string) error {
	if p.Values != nil && !slices.Contains(p.Values, value) {
		return p.bad("No enum match for: %s", value)
	}
	if p.Pattern != nil && !p.Pattern.MatchString(value) {
		return p.bad("String '%s' does not match pattern. %s", value, p.Rule)
	}
	return nil
}

// maxPage keeps page × per_page far from what a machine can't count.
const maxPage = 1 << 30

func pageParam() param {
	return param{Name: "page", Type: intParam, Max: maxPage, Description: "Page index of the results to return. First page is 0."}
}

func perPageParam(least int) param {
	return param{Name: "per_page", Type: intParam, Min: least, Max: 100, Description: "Number of results per page."}
}

func totalsParam() param {
	return param{
		Name: "include_totals", Type: boolParam,
		Description: "Return results inside an object that contains the total result count (true) or as a direct array of results (false, default).",
	}
}

// fieldQuery are the parameters that choose fields of an answer.
func fieldQuery() []param {
	return []param{
		{Name: "fields", Type: listParam, Description: "Comma-separated list of fields to include or exclude (based on value provided for include_fields) in the result. Leave empty to retrieve all fields."},
		{Name: "include_fields", Type: boolParam, Description: "Whether specified fields are to be included (true) or excluded (false)."},
	}
}
