package passwords

import (
	"fmt"
	"strings"
	"unicode/utf16"
)

// Policy is a rule set for new passwords. The zero value is not a policy: see [NewPolicy].
type Policy struct {
	Name      string // none, low, fair, good, excellent
	MinLength int
}

// NewPolicy returns the policy of that name (Auth0: Password Strength in Auth0 Database Connections). minLength, from
// options.password_complexity_options.min_length, replaces the policy's own where it is above zero.
func NewPolicy(name string, minLength int) (Policy, error) {
	own := map[string]int{"none": 1, "low": 6, "fair": 8, "good": 8, "excellent": 10}
	n, ok := own[name]
	if !ok {
		return Policy{}, fmt.Errorf("password policy %q: must be none, low, fair, good or excellent", name)
	}
	if minLength > 0 {
		n = minLength
	}
	return Policy{Name: name, MinLength: n}, nil
}

// StrengthError says which rules of a policy a password breaks. Its fields are those of Auth0's PasswordStrengthError body.
type StrengthError struct {
	Message     string      `json:"message"`
	Code        string      `json:"code"`
	Description Description `json:"description"`
	Policy      string      `json:"policy"` // all rules as text, a line each
}

func (e *StrengthError) Error() string { return e.Message }

// Description lists every rule and whether the password keeps it.
type Description struct {
	Rules    []Rule `json:"rules"`
	Verified bool   `json:"verified"`
}

// Rule is one demand. Format fills the verbs of Message.
type Rule struct {
	Message  string `json:"message"`
	Format   []any  `json:"format,omitempty"`
	Items    []Item `json:"items,omitempty"`
	Code     string `json:"code"`
	Verified bool   `json:"verified"`
}

// Item is one character type of a rule.
type Item struct {
	Message  string `json:"message"`
	Code     string `json:"code"`
	Verified bool   `json:"verified"`
}

// Text is the rule's message with its numbers filled in.
func (r Rule) Text() string { return fmt.Sprintf(r.Message, r.Format...) }

// Check returns nil where the password keeps the policy. Characters are counted as JavaScript does, in UTF-16 code units,
// so that pages and server agree.
func Check(policy Policy, password string) *StrengthError {
	rules, ok := policy.judge(password)
	if ok {
		return nil
	}
	return &StrengthError{
		Message:     "Password is too weak",
		Code:        "invalid_password",
		Description: Description{Rules: rules, Verified: false},
		Policy:      policy.Text(),
	}
}

// Rules are the policy's rules as they stand before anything was typed, for showing them to people.
func (p Policy) Rules() []Rule {
	rules, _ := p.judge("")
	for i := range rules {
		rules[i].Verified = false
	}
	return rules
}

// Text is the policy as a list in plain text.
func (p Policy) Text() string {
	var lines []string
	for _, rule := range p.Rules() {
		lines = append(lines, "* "+rule.Text())
		for _, item := range rule.Items {
			lines = append(lines, " * "+item.Message)
		}
	}
	return strings.Join(lines, "\n")
}

func (p Policy) judge(password string) (rules []Rule, ok bool) {
	units := utf16.Encode([]rune(password))
	rules = append(rules, p.lengthRule(len(units)))
	switch p.Name {
	case "fair":
		rules = append(rules, shouldContain(units))
	case "good":
		rules = append(rules, containsAtLeast(units))
	case "excellent":
		rules = append(rules, containsAtLeast(units), identicalChars(units))
	}
	ok = true
	for _, rule := range rules {
		ok = ok && rule.Verified
	}
	return rules, ok
}

func (p Policy) lengthRule(n int) Rule {
	if p.Name == "none" && p.MinLength <= 1 {
		return Rule{Message: "Non-empty password required", Code: "nonEmpty", Verified: n > 0}
	}
	return Rule{
		Message: "At least %d characters in length", Format: []any{p.MinLength}, Code: "lengthAtLeast",
		Verified: n >= p.MinLength,
	}
}

func shouldContain(units []uint16) Rule {
	items := characterTypes(units)[:3]
	return Rule{Message: "Should contain:", Items: items, Code: "shouldContain", Verified: verified(items) == 3}
}

func containsAtLeast(units []uint16) Rule {
	items := characterTypes(units)
	return Rule{
		Message: "Contain at least %d of the following %d types of characters:", Format: []any{3, 4}, Items: items,
		Code: "containsAtLeast", Verified: verified(items) >= 3,
	}
}

func identicalChars(units []uint16) Rule {
	rule := Rule{
		Message: `No more than %d identical characters in a row (e.g., "%s" not allowed)`, Format: []any{2, "aaa"},
		Code: "identicalChars", Verified: true,
	}
	for i := 2; i < len(units); i++ {
		if units[i] == units[i-1] && units[i] == units[i-2] {
			rule.Verified = false
		}
	}
	return rule
}

func characterTypes(units []uint16) []Item {
	items := []Item{
		{Message: "lower case letters (a-z)", Code: "lowerCase"},
		{Message: "upper case letters (A-Z)", Code: "upperCase"},
		{Message: "numbers (i.e. 0-9)", Code: "numbers"},
		{Message: "special characters (e.g. !@#$%^&*)", Code: "specialCharacters"},
	}
	for _, u := range units {
		switch {
		case u >= 'a' && u <= 'z':
			items[0].Verified = true
		case u >= 'A' && u <= 'Z':
			items[1].Verified = true
		case u >= '0' && u <= '9':
			items[2].Verified = true
		case u >= ' ' && u <= '~': // what is left of printable ASCII is the special set
			items[3].Verified = true
		}
	}
	return items
}

func verified(items []Item) (n int) {
	for _, item := range items {
		if item.Verified {
			n++
		}
	}
	return n
}
