package tenant

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
)

// keyword is a place in a file that a value from the environment takes: ##KEY## or @@KEY@@, the latter with or without
// quotation marks around it (Auth0: Deploy CLI, Keyword Replacement).
var keyword = regexp.MustCompile(`##([A-Za-z_][A-Za-z0-9_]*)##|"@@([A-Za-z_][A-Za-z0-9_]*)@@"|@@([A-Za-z_][A-Za-z0-9_]*)@@`)

// sourceText is a text after its keywords were replaced, and which line of the file each of its lines came from.
type sourceText struct {
	text  string
	lines []int
}

// line gives the line in the file of a line in the text.
func (s sourceText) line(n int) int {
	if n >= 1 && n <= len(s.lines) {
		return s.lines[n-1]
	}
	return n
}

// replaceKeywords puts the environment's values in: for ##KEY## the text as it is, for @@KEY@@ JSON — the value itself
// where it is a JSON array or object, else the value as a JSON string. comment is what a line of comment begins with;
// keywords in such lines stay. A keyword without value is reported.
func replaceKeywords(text, comment string, env func(string) (string, bool), report func(at place, path, format string, args ...any)) sourceText {
	var out strings.Builder
	var lines []int
	for i, line := range strings.SplitAfter(text, "\n") {
		replaced := line
		if !isComment(line, comment) {
			replaced = replaceInLine(line, i+1, env, report)
		}
		for range strings.Count(replaced, "\n") {
			lines = append(lines, i+1)
		}
		if !strings.HasSuffix(replaced, "\n") {
			lines = append(lines, i+1)
		}
		out.WriteString(replaced)
	}
	return sourceText{text: out.String(), lines: lines}
}

func isComment(line, comment string) bool {
	line = strings.TrimSpace(line)
	first := keyword.FindStringIndex(line)
	return strings.HasPrefix(line, comment) && (first == nil || first[0] > 0)
}

func replaceInLine(line string, number int, env func(string) (string, bool), report func(at place, path, format string, args ...any)) string {
	var out strings.Builder
	end := 0
	for _, m := range keyword.FindAllStringSubmatchIndex(line, -1) {
		out.WriteString(line[end:m[0]])
		end = m[1]
		raw := m[2] >= 0
		key := line[m[0]:m[1]]
		key = strings.Trim(key, `"#@`)
		value, set := env(key)
		switch {
		case !set:
			report(place{number, len([]rune(line[:m[0]])) + 1}, key, "the environment has no variable of this name")
		case raw:
			out.WriteString(value)
		default:
			text, err := jsonOf(value)
			if err != nil {
				report(place{number, len([]rune(line[:m[0]])) + 1}, key, "the variable's value can't be written as JSON")
			}
			out.WriteString(text)
		}
	}
	out.WriteString(line[end:])
	return out.String()
}

// jsonOf returns a value on one line, which keeps the file's lines together.
func jsonOf(value string) (string, error) {
	trimmed := strings.TrimSpace(value)
	if (strings.HasPrefix(trimmed, "[") || strings.HasPrefix(trimmed, "{")) && json.Valid([]byte(trimmed)) {
		var compact bytes.Buffer
		err := json.Compact(&compact, []byte(trimmed))
		return compact.String(), err
	}
	text, err := json.Marshal(value)
	return string(text), err
}
