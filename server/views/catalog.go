package views

import (
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"
)

//go:embed texts/*.json
var textFiles embed.FS

// fallback is the language that has every text.
const fallback = "en"

// maxPreference is the longest list of languages that is looked at, in bytes; browsers send less than 200.
const maxPreference = 500

// Key names a text of the catalogue.
type Key string

// Texts that handlers ask for. Those with words in braces take them as pairs of name and value.
const (
	TextWrongPassword   Key = "login.error.wrong"    // unknown person, wrong password, blocked: all read the same
	TextTooManyAttempts Key = "login.error.attempts" // this address or person tried too often
	TextBusy            Key = "login.error.busy"     // too many password checks at once
	TextProviderFailed  Key = "login.error.provider" // {provider}
	TextLoginDeclined   Key = "login.error.declined" // {provider}: the person pressed cancel there
	TextRequired        Key = "field.error.required" // {label}
	TextInvalid         Key = "field.error.invalid"  // {label}
	TextTooLong         Key = "field.error.long"     // {label}, {max}
	TextBadChoice       Key = "field.error.choice"   // {label}
	TextBadEmail        Key = "signup.error.email"
	TextBadUsername     Key = "signup.error.username" // {min}, {max}
	TextWeakPassword    Key = "signup.error.password"
	TextPasswordMissing Key = "signup.error.no_password"
	TextUsernameMissing Key = "signup.error.no_username"
	TextUsernameTaken   Key = "signup.error.taken"
	TextSignupFailed    Key = "signup.error.failed" // says nothing about whether the account exists
	TextSignupDisabled  Key = "signup.error.disabled"
	TextEmailLabel      Key = "label.email"
	TextUsernameLabel   Key = "label.username"
	TextPasswordLabel   Key = "label.password"
)

// Catalog holds the texts of all languages. It is immutable.
type Catalog struct {
	languages []string // fallback first
	texts     map[string]map[string]string
	all       chooser
}

// chooser picks one of its languages for a list of wishes.
type chooser struct {
	languages []string
	matcher   language.Matcher
}

func newChooser(languages []string) chooser {
	tags := make([]language.Tag, len(languages))
	for i, l := range languages {
		tags[i] = language.Make(l)
	}
	return chooser{languages: languages, matcher: language.NewMatcher(tags)}
}

// loadCatalog reads texts/<language>.json.
func loadCatalog() (*Catalog, error) {
	files, err := textFiles.ReadDir("texts")
	if err != nil {
		return nil, fmt.Errorf("read texts: %w", err)
	}
	c := &Catalog{languages: []string{fallback}, texts: map[string]map[string]string{}}
	for _, file := range files {
		raw, err := textFiles.ReadFile("texts/" + file.Name())
		if err != nil {
			return nil, fmt.Errorf("read texts: %w", err)
		}
		texts := map[string]string{}
		if err := json.Unmarshal(raw, &texts); err != nil {
			return nil, fmt.Errorf("texts/%s: %w", file.Name(), err)
		}
		lang := strings.TrimSuffix(file.Name(), ".json")
		if _, err := language.Parse(lang); err != nil {
			return nil, fmt.Errorf("texts/%s: the name is not a language: %w", file.Name(), err)
		}
		c.texts[lang] = texts
		if lang != fallback {
			c.languages = append(c.languages, lang)
		}
	}
	if c.texts[fallback] == nil {
		return nil, fmt.Errorf("texts/%s.json is missing", fallback)
	}
	c.all = newChooser(c.languages)
	return c, nil
}

// Languages are those that have texts, English first.
func (c *Catalog) Languages() []string { return slices.Clone(c.languages) }

// Match chooses the language to speak. Each preference is a list of languages as ui_locales has it (OpenID Connect Core
// §3.1.2.1: separated by spaces, best first) or as Accept-Language has it (RFC 9110 §12.5.4); the first preference that
// fits any language decides. Enabled narrows the choice and puts its own default first (Auth0: enabled_locales); empty:
// all languages, English by default. Preferences that can't be read are passed over.
func (c *Catalog) Match(preferences, enabled []string) string {
	choice := c.all
	if narrowed := c.enabled(enabled); len(narrowed) > 0 {
		choice = newChooser(narrowed)
	}
	for _, preference := range preferences {
		tags := wishes(preference)
		if len(tags) == 0 {
			continue
		}
		if _, i, confidence := choice.matcher.Match(tags...); confidence > language.No {
			return choice.languages[i]
		}
	}
	return choice.languages[0]
}

// enabled are those of the given languages that have texts, without repetition.
func (c *Catalog) enabled(given []string) []string {
	var out []string
	for _, lang := range given {
		tag, err := language.Parse(lang)
		if err != nil {
			continue
		}
		if _, i, confidence := c.all.matcher.Match(tag); confidence > language.Low && !slices.Contains(out, c.languages[i]) {
			out = append(out, c.languages[i])
		}
	}
	return out
}

// wishes reads a list of languages in either of its two spellings.
func wishes(preference string) []language.Tag {
	if len(preference) > maxPreference {
		return nil
	}
	if strings.ContainsAny(preference, ",;*") {
		tags, _, err := language.ParseAcceptLanguage(preference)
		if err != nil {
			return nil
		}
		return tags
	}
	var tags []language.Tag
	for _, word := range strings.Fields(preference) {
		if tag, err := language.Parse(word); err == nil {
			tags = append(tags, tag)
		}
	}
	return tags
}

func (c *Catalog) has(lang string) bool { return c.texts[lang] != nil }

// Text is the text of the key with {name} replaced by the value that follows the name in pairs. A language without the
// text gets the English one; a key that doesn't exist gives nothing.
func (c *Catalog) Text(lang string, key Key, pairs ...string) string {
	text, err := c.format(lang, string(key), pairs)
	if err != nil {
		return ""
	}
	return text
}

// lookup is [Catalog.Text] for templates, where a key that doesn't exist is an error.
func (c *Catalog) lookup(lang, key string, pairs ...string) (string, error) {
	return c.format(lang, key, pairs)
}

func (c *Catalog) format(lang, key string, pairs []string) (string, error) {
	text, ok := c.texts[lang][key]
	if !ok {
		text, ok = c.texts[fallback][key]
	}
	if !ok {
		return "", fmt.Errorf("no text %q", key)
	}
	if len(pairs)%2 != 0 {
		return "", fmt.Errorf("text %q: a name without a value", key)
	}
	replaced := make([]string, len(pairs))
	for i, word := range pairs {
		if i%2 == 0 {
			word = "{" + word + "}"
		}
		replaced[i] = word
	}
	return strings.NewReplacer(replaced...).Replace(text), nil
}

// ruleText words a password rule: its own text, or the catalogue's for its code.
func (c *Catalog) ruleText(lang string, r Rule) string {
	if r.Text != "" {
		return r.Text
	}
	if r.Code == "lengthAtLeast" && r.N <= 1 {
		return c.Text(lang, "rule.nonEmpty")
	}
	return c.Text(lang, Key("rule."+r.Code), "n", strconv.Itoa(r.N))
}

// scopeText words a scope: the API's description, the catalogue's text of a standard scope, or the scope itself.
func (c *Catalog) scopeText(lang string, s Scope) string {
	if s.Description != "" {
		return s.Description
	}
	if text := c.Text(lang, Key("scope."+s.Value)); text != "" {
		return text
	}
	return s.Value
}
