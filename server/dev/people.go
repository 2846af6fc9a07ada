package dev

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

//go:embed people/*.json
var peopleFiles embed.FS

// person is somebody whom a simulated provider can vouch for.
type person struct {
	ID, About string
	Upstream  upstream
}

// upstream is what a provider says of a person, in the shape of a profile vector: one of Userinfo and IDTokenClaims may be
// missing and then follows from the other. Numbers are json.Number.
type upstream struct {
	Userinfo      map[string]any `json:"userinfo,omitempty"`
	IDTokenClaims map[string]any `json:"id_token_claims,omitempty"`
	// Extra holds further answers under "GET https://HOST/PATH".
	Extra map[string]any `json:"extra,omitempty"`
}

// loadPeople reads people/NAME.json for every name.
func loadPeople(names ...string) (map[string][]person, error) {
	all := map[string][]person{}
	for _, name := range names {
		text, err := peopleFiles.ReadFile("people/" + name + ".json")
		if err != nil {
			return nil, fmt.Errorf("simulated people: %w", err)
		}
		var raw []struct {
			ID, About string
			Upstream  json.RawMessage
		}
		if err := json.Unmarshal(text, &raw); err != nil {
			return nil, fmt.Errorf("simulated people of %s: %w", name, err)
		}
		for _, r := range raw {
			up, err := parseUpstream(r.Upstream)
			if err != nil {
				return nil, fmt.Errorf("simulated person %s of %s: %w", r.ID, name, err)
			}
			all[name] = append(all[name], person{r.ID, r.About, up})
		}
	}
	return all, nil
}

// parseUpstream reads what was typed into the page of a provider: an object with userinfo, id_token_claims and extra, or
// the claims by themselves, which then are the userinfo.
func parseUpstream(text []byte) (upstream, error) {
	object, err := parseObject(text)
	if err != nil {
		return upstream{}, err
	}
	var up upstream
	sections := map[string]*map[string]any{"userinfo": &up.Userinfo, "id_token_claims": &up.IDTokenClaims, "extra": &up.Extra}
	if !isSectioned(object, sections) {
		return upstream{Userinfo: object}, nil
	}
	for name, value := range object {
		target, known := sections[name]
		if !known {
			return upstream{}, fmt.Errorf("unknown section %q (allowed: userinfo, id_token_claims, extra)", name)
		}
		section, ok := value.(map[string]any)
		if !ok {
			return upstream{}, fmt.Errorf("section %q must be an object", name)
		}
		*target = section
	}
	if up.Userinfo == nil && up.IDTokenClaims == nil {
		return upstream{}, errors.New("one of the sections userinfo and id_token_claims is needed")
	}
	return up, nil
}

func isSectioned(object map[string]any, sections map[string]*map[string]any) bool {
	for name := range sections {
		if _, ok := object[name]; ok {
			return true
		}
	}
	return false
}

// idTokenClaims is what an ID token says of the person.
func (u upstream) idTokenClaims() map[string]any {
	if u.IDTokenClaims != nil {
		return u.IDTokenClaims
	}
	return u.Userinfo
}

// profile is what a profile call answers.
func (u upstream) profile() map[string]any {
	if u.Userinfo != nil {
		return u.Userinfo
	}
	profile := map[string]any{}
	for name, value := range u.IDTokenClaims {
		if !tokenClaims[name] {
			profile[name] = value
		}
	}
	return profile
}

// extraAt returns the listed answer of an address in canonical form.
func (u upstream) extraAt(address string) (value any, listed bool) {
	for key, value := range u.Extra {
		if target, ok := strings.CutPrefix(key, "GET "); ok && addressOf(target) == address {
			return value, true
		}
	}
	return nil, false
}

// text of the first claim that is there, for the page.
func (u upstream) text(names ...string) string {
	for _, name := range names {
		if s, ok := u.idTokenClaims()[name].(string); ok && s != "" {
			return s
		}
	}
	return ""
}

// Name is what the page calls a person.
func (p person) Name() string { return p.Upstream.text("name", "login", "preferred_username", "sub") }

// Email is the address shown beside the name; GitHub's primary one stands in a list of its own.
func (p person) Email() string {
	for _, list := range p.Upstream.Extra {
		entries, _ := list.([]any)
		for _, entry := range entries {
			fields, _ := entry.(map[string]any)
			if address, ok := fields["email"].(string); ok && fields["primary"] == true {
				return address
			}
		}
	}
	return p.Upstream.text("email")
}

// matches says whether a login_hint means this person.
func (p person) matches(hint string) bool {
	return hint != "" && (hint == p.ID || strings.EqualFold(hint, p.Email()) || strings.EqualFold(hint, p.Upstream.text("email")))
}

// JSON is the person's data for editing.
func (p person) JSON() (string, error) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(p.Upstream); err != nil {
		return "", err
	}
	return strings.TrimSpace(text.String()), nil
}
