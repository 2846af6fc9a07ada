package passwords

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// testdata/strength.json holds what an app gets for a weak password, body part by body part.
func TestCheck(t *testing.T) {
	data, err := os.ReadFile("testdata/strength.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Policy, Password string
		MinLength              int
		Want                   any
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, tt := range cases {
		t.Run(tt.Policy+" "+tt.Name, func(t *testing.T) {
			policy, err := NewPolicy(tt.Policy, tt.MinLength)
			if err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(Check(policy, tt.Password))
			if err != nil {
				t.Fatal(err)
			}
			var got any
			if err := json.Unmarshal(body, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.Want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPolicies(t *testing.T) {
	for _, tt := range []struct {
		policy, password string
		minLength        int
		ok               bool
	}{
		{"none", "", 0, false},
		{"none", "x", 0, true},
		{"none", "xx", 3, false},
		{"low", "aaaaa", 0, false},
		{"low", "aaaaaa", 0, true},
		{"low", "ééé", 0, false},
		{"low", "😀😀😀", 0, true}, // two UTF-16 units each
		{"fair", "aaaaaa1A", 0, true},
		{"fair", "aaaaaa1!", 0, false},
		{"good", "aaaaaa1!", 0, true},
		{"good", "aaaaa 1b", 0, true}, // the space is a special character
		{"good", "aaaaa1bé", 0, false},
		{"good", "aaaaaaaA", 0, false},
		{"good", "aA1!", 0, false},
		{"good", "aA1!", 4, true},
		{"excellent", "aabbccdd1!", 0, true},
		{"excellent", "aaabccdd1!", 0, false},
		{"excellent", "aabbcc1!", 0, false},
		{"excellent", "aabbccddee", 0, false},
	} {
		policy, err := NewPolicy(tt.policy, tt.minLength)
		if err != nil {
			t.Fatal(err)
		}
		if got := Check(policy, tt.password) == nil; got != tt.ok {
			t.Errorf("%s (min %d) %q: ok %v, want %v", tt.policy, tt.minLength, tt.password, got, tt.ok)
		}
	}
	if _, err := NewPolicy("best", 0); err == nil {
		t.Error("an unknown policy is accepted")
	}
}

func TestRulesBeforeTyping(t *testing.T) {
	policy, err := NewPolicy("excellent", 0)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, rule := range policy.Rules() {
		texts = append(texts, rule.Text())
		if rule.Verified {
			t.Errorf("%s is ticked before anything was typed", rule.Code)
		}
	}
	want := []string{
		"At least 10 characters in length",
		"Contain at least 3 of the following 4 types of characters:",
		`No more than 2 identical characters in a row (e.g., "aaa" not allowed)`,
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Error(diff)
	}
}

func TestInDictionary(t *testing.T) {
	for password, want := range map[string]bool{
		"Password1!": true, "QWERTY123": true, "acme2026": true, "ACME2026": true, "password1!x": false, "": false,
	} {
		if got := InDictionary(password, []string{"Acme2026"}); got != want {
			t.Errorf("%q: %v, want %v", password, got, want)
		}
	}
}

func TestHoldsPersonalData(t *testing.T) {
	values := []string{"Ada Lovelace", "jo", "", "  ", "countess"}
	for password, want := range map[string]bool{
		"xADA LOVELACEx": true, "2lovelace!": true, "ada1815!": true, "Countess9": true, "johannes!": false, "Engine7": false,
	} {
		if got := HoldsPersonalData(password, values); got != want {
			t.Errorf("%q: %v, want %v", password, got, want)
		}
	}
}
