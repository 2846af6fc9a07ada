package latchkey_test

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// docs/compat.tsv says for every endpoint and feature of Auth0 whether it is there. Programs and people read it, so its
// form is fixed.
func TestCompatibilityListIsWellFormed(t *testing.T) {
	data, err := os.ReadFile("docs/compat.tsv")
	if err != nil {
		t.Fatal(err)
	}
	text, ended := strings.CutSuffix(string(data), "\n")
	if !ended {
		t.Error("the last line doesn't end")
	}
	lines := strings.Split(text, "\n")
	if lines[0] != "area\tfeature\tstatus\tnotes" {
		t.Fatalf("header is %q", lines[0])
	}
	endpoint := regexp.MustCompile(`^(GET|POST|PUT|PATCH|DELETE) /\S+( .+)?$`)
	seen := map[string]bool{}
	for i, line := range lines[1:] {
		cells := strings.Split(line, "\t")
		if len(cells) != 4 {
			t.Errorf("line %d has %d cells, want 4: %q", i+2, len(cells), line)
			continue
		}
		area, feature, status, notes := cells[0], cells[1], cells[2], cells[3]
		for _, cell := range cells {
			if cell != strings.TrimSpace(cell) {
				t.Errorf("line %d: blanks around %q", i+2, cell)
			}
		}
		if area == "" || feature == "" || seen[area+"\t"+feature] {
			t.Errorf("line %d: %q in %q is empty or stands there twice", i+2, feature, area)
		}
		seen[area+"\t"+feature] = true
		if !slices.Contains([]string{"yes", "partial", "no"}, status) {
			t.Errorf("line %d: status %q (allowed: yes, partial, no)", i+2, status)
		}
		if status == "partial" && notes == "" {
			t.Errorf("line %d: %q is partial, but nothing says which part", i+2, feature)
		}
		if strings.HasPrefix(area, "management ") && !endpoint.MatchString(feature) {
			t.Errorf("line %d: %q is no endpoint of the Management API", i+2, feature)
		}
	}
	if len(seen) < 300 {
		t.Errorf("only %d rows: something was lost", len(seen))
	}
}

// Documents point at each other and at code by relative links.
func TestLinksInDocumentsLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	files := []string{"README.md", "CONTRIBUTING.md"}
	for _, dir := range []string{"docs", "docs/decisions"} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, entry := range entries {
			if strings.HasSuffix(entry.Name(), ".md") {
				files = append(files, dir+"/"+entry.Name())
			}
		}
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		dir := file[:strings.LastIndex("/"+file, "/")]
		for _, match := range link.FindAllStringSubmatch(string(data), -1) {
			if _, err := os.Stat("./" + dir + match[1]); err != nil {
				t.Errorf("%s links to %s, which isn't there", file, match[1])
			}
		}
	}
}
