package mgmtapi

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/latchkey-id/latchkey/profilestore"
)

// maxTerms bounds a search: each term costs the database a condition.
const maxTerms = 20

// searchError says which part of a search can't be read, counted in bytes from 0.
type searchError struct {
	Offset  int
	Problem string
}

func (e *searchError) Error() string { return fmt.Sprintf("at position %d: %s", e.Offset, e.Problem) }

// searchFields are the fields of profilestore.Term, without metadata.
func searchFields() []string {
	return []string{
		"user_id", "email", "email_verified", "username", "phone_number", "name", "nickname", "given_name", "family_name",
		"blocked", "logins_count", "last_ip", "identities.connection", "identities.provider", "identities.user_id",
	}
}

func searchable(field string) bool {
	for _, prefix := range []string{"user_metadata.", "app_metadata."} {
		if path, ok := strings.CutPrefix(field, prefix); ok {
			return !slices.Contains(strings.Split(path, "."), "")
		}
	}
	return slices.Contains(searchFields(), field)
}

// parseSearch reads the part of the Lucene syntax (Auth0: User Search Query Syntax) that asks for exact values: terms
// field:value or field:"value", joined by AND. A backslash takes the next character as it is. Everything else of the syntax
// is refused, so that nobody takes the answer to half a question for the whole. An empty search has no terms. Errors:
// *searchError.
func parseSearch(q string) ([]profilestore.Term, error) {
	p := &searchParser{text: q}
	if !utf8.ValidString(q) || strings.ContainsRune(q, 0) {
		return nil, p.bad("is not text")
	}
	var terms []profilestore.Term
	p.blanks()
	for p.at < len(p.text) {
		if len(terms) == maxTerms {
			return nil, p.bad(fmt.Sprintf("has more than %d terms", maxTerms))
		}
		if len(terms) > 0 {
			if err := p.and(); err != nil {
				return nil, err
			}
		}
		term, err := p.term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, term)
		p.blanks()
	}
	return terms, nil
}

type searchParser struct {
	text string
	at   int
}

func (p *searchParser) bad(problem string) error { return &searchError{Offset: p.at, Problem: problem} }

func (p *searchParser) blanks() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// and reads the operator between two terms, which needs a term after it.
func (p *searchParser) and() error {
	rest := p.text[p.at:]
	for _, operator := range []string{"OR", "NOT", "||", "&&"} {
		if after, ok := strings.CutPrefix(rest, operator); ok && (after == "" || after[0] == ' ') {
			return p.bad(operator + " is not supported, only AND")
		}
	}
	if !strings.HasPrefix(rest, "AND ") {
		return p.bad("AND is expected between terms")
	}
	p.at += len("AND ")
	p.blanks()
	if p.at == len(p.text) {
		return p.bad("a term is expected after AND")
	}
	return nil
}

func (p *searchParser) term() (profilestore.Term, error) {
	begin := p.at
	for p.at < len(p.text) && !strings.ContainsRune(` :"()[]{}*?\`, rune(p.text[p.at])) {
		p.at++
	}
	field := p.text[begin:p.at]
	if p.at == len(p.text) || p.text[p.at] != ':' {
		return profilestore.Term{}, p.bad("a term is field:value or field:\"value\"")
	}
	if !searchable(field) {
		p.at = begin
		return profilestore.Term{}, p.bad("users can't be searched by this field (allowed: " + strings.Join(searchFields(), ", ") +
			", user_metadata.*, app_metadata.*)")
	}
	p.at++
	value, err := p.value()
	return profilestore.Term{Field: field, Value: value}, err
}

func (p *searchParser) value() (string, error) {
	if p.at == len(p.text) || p.text[p.at] == ' ' {
		return "", p.bad("a value is expected")
	}
	if p.text[p.at] == '"' {
		return p.quoted()
	}
	return p.word()
}

func (p *searchParser) quoted() (string, error) {
	var value strings.Builder
	begin := p.at
	for p.at++; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case '\\':
			if p.at++; p.at == len(p.text) {
				return "", p.bad("a character is expected after the backslash")
			}
			value.WriteByte(p.text[p.at])
		case '"':
			p.at++
			return value.String(), p.endOfTerm()
		default:
			value.WriteByte(p.text[p.at])
		}
	}
	p.at = begin
	return "", p.bad("the quotation mark has no partner")
}

// word reads a value without quotation marks, in which the signs of the unsupported syntax need a backslash.
func (p *searchParser) word() (string, error) {
	var value strings.Builder
	for ; p.at < len(p.text) && p.text[p.at] != ' '; p.at++ {
		switch c := p.text[p.at]; {
		case c == '\\':
			if p.at++; p.at == len(p.text) {
				return "", p.bad("a character is expected after the backslash")
			}
			value.WriteByte(p.text[p.at])
		case c == '*' || c == '?':
			return "", p.bad("wildcards are not supported")
		case strings.ContainsRune(`()[]{}<>"^~`, rune(c)):
			return "", p.bad(fmt.Sprintf("%q is not supported outside of quotation marks", c))
		default:
			value.WriteByte(c)
		}
	}
	return value.String(), nil
}

// endOfTerm wants a blank or the end behind a quotation mark.
func (p *searchParser) endOfTerm() error {
	if p.at < len(p.text) && p.text[p.at] != ' ' {
		return p.bad("a blank is expected after the quotation mark")
	}
	return nil
}
