package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// place is where a value was set. The zero value is a default.
type place struct {
	file         string
	line, column int
	env          string // name of the variable
	flag         string // name without the dashes
}

func (p place) layer() int {
	switch {
	case p.file != "":
		return 1
	case p.env != "":
		return 2
	case p.flag != "":
		return 3
	}
	return 4
}

// Problem is one thing that is wrong with the configuration.
type Problem struct {
	// Key is the key's full path, empty where the problem is about the file as a whole.
	Key string
	// Text says what is wrong, Allowed what would be right (may be empty). Neither holds a secret's value.
	Text    string
	Allowed string

	place place
}

// String is one line: `file:line:column: key: what is wrong (allowed: …)`. A variable or a flag stands in the place of
// file and key where that is what set the value, and the key alone where nothing did.
func (p Problem) String() string {
	var b strings.Builder
	switch p.place.layer() {
	case 1:
		b.WriteString(p.place.file)
		if p.place.line > 0 {
			fmt.Fprintf(&b, ":%d:%d", p.place.line, p.place.column)
		}
		if p.Key != "" {
			b.WriteString(": " + p.Key)
		}
	case 2:
		b.WriteString(p.place.env)
	case 3:
		b.WriteString("--" + p.place.flag)
	default:
		b.WriteString(p.Key)
	}
	b.WriteString(": " + p.Text)
	if p.Allowed != "" {
		b.WriteString(" (allowed: " + p.Allowed + ")")
	}
	return b.String()
}

// Problems is every problem of a configuration: the file's in the order of its lines, then the environment's, the
// flags', and what is missing altogether.
type Problems []Problem

// Error is one line per problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(a.place.layer(), b.place.layer()),
			cmp.Compare(a.place.line, b.place.line),
			cmp.Compare(a.place.column, b.place.column),
			cmp.Compare(a.place.env, b.place.env),
			cmp.Compare(a.place.flag, b.place.flag),
			cmp.Compare(a.Key, b.Key),
		)
	})
}

// nearest returns the candidate that the name was probably meant to be, or "": at most two letters wrong, and fewer
// than half of them.
func nearest(name string, candidates []string) string {
	best, bestDistance := "", 3
	for _, candidate := range candidates {
		if d := distance(name, candidate); d < bestDistance && 2*d < len(name) {
			best, bestDistance = candidate, d
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
