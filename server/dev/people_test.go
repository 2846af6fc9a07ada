package dev

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEveryProviderKnowsPeople(t *testing.T) {
	files := map[string]bool{"oidc": true}
	for _, p := range builtin {
		files[p.people] = true
	}
	for name := range files {
		people, err := loadPeople(name)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		withoutEmail := false
		for _, p := range people[name] {
			if p.ID == "" || p.About == "" || p.Name() == "" || seen[p.ID] {
				t.Errorf("%s: person %q is incomplete or there twice", name, p.ID)
			}
			seen[p.ID] = true
			withoutEmail = withoutEmail || p.Email() == ""
		}
		if len(seen) < 4 || !withoutEmail {
			t.Errorf("%s: %d people, one without e-mail: %v", name, len(seen), withoutEmail)
		}
	}
	if _, err := loadPeople("nobody"); err == nil {
		t.Error("a missing file is no error")
	}
}

func FuzzParseUpstream(f *testing.F) {
	for _, seed := range []string{
		`{"sub":"1"}`, `{"userinfo":{"id":90071992547409931},"extra":{"GET https://x/y":[1,null,"a"]}}`, `{"id_token_claims":{}}`,
		`{"a":1e400}`, `[`, `{"a":{"a":{}}}`, `{"a":1,"a":2}`, `{"\ud800":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		up, err := parseUpstream(text)
		if err != nil {
			return
		}
		shown, err := person{Upstream: up}.JSON()
		if err != nil {
			t.Fatalf("accepted but can't be shown: %v", err)
		}
		if len(up.Userinfo) == 0 {
			return // an empty section is left out when shown
		}
		again, err := parseUpstream([]byte(shown))
		if err != nil {
			t.Fatalf("shown as %s, which is refused: %v", shown, err)
		}
		if diff := cmp.Diff(up.Userinfo, again.Userinfo); diff != "" {
			t.Error(diff)
		}
	})
}

func TestExpiringKeepsNoMoreThanItMay(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	e := newExpiring[int](func() time.Time { return now }, time.Minute)
	for i := range maxEntries + 5 {
		now = now.Add(time.Millisecond)
		e.put(fmt.Sprint(i), i)
	}
	if len(e.entries) != maxEntries {
		t.Errorf("%d entries", len(e.entries))
	}
	if _, ok := e.get("4"); ok {
		t.Error("the oldest entry is still there")
	}
	if v, ok := e.get("5"); !ok || v != 5 {
		t.Errorf("entry 5: %d %v", v, ok)
	}
	now = now.Add(time.Minute)
	e.put("last", 1)
	if len(e.entries) != 1 {
		t.Errorf("%d entries after all but one expired", len(e.entries))
	}
	if _, ok := e.get("5"); ok {
		t.Error("an expired entry is given out")
	}
}

func TestOneOfManyTakes(t *testing.T) {
	e := newExpiring[int](time.Now, time.Minute)
	e.put("code", 1)
	var wg sync.WaitGroup
	var mu sync.Mutex
	taken := 0
	for range 20 {
		wg.Go(func() {
			if _, ok := e.take("code"); ok {
				mu.Lock()
				taken++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if taken != 1 {
		t.Errorf("taken %d times", taken)
	}
}

func TestLinkify(t *testing.T) {
	tests := map[string][]segment{
		"no link":                         {{Text: "no link"}},
		"Go to https://a.test/b?c=d&e=f.": {{Text: "Go to "}, {"https://a.test/b?c=d&e=f", "https://a.test/b?c=d&e=f"}, {Text: "."}},
		"javascript:alert(1)":             {{Text: "javascript:alert(1)"}},
		"<http://a.test>":                 {{Text: "<"}, {"http://a.test", "http://a.test"}, {Text: ">"}},
	}
	for text, want := range tests {
		if diff := cmp.Diff(want, linkify(text)); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}

func TestCanonicalAddresses(t *testing.T) {
	for text, want := range map[string]string{
		"https://www.Google.com/a/": "google.com/a", "https://a.test:443": "a.test", "https://a.test:8443/x?y": "a.test:8443/x",
		"http://a.test/": "", "a.test": "", "": "", "https://%zz": "",
	} {
		if got := addressOf(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
