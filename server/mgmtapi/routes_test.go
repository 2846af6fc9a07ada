package mgmtapi

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The golden file is what a reviewer reads: who may do what.
func TestRoutes(t *testing.T) {
	compat, err := os.ReadFile("../../docs/compat.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	for _, row := range routes() {
		fmt.Fprintf(&got, "%s %s %s\n", row.Method, row.Pattern, strings.Join(row.Scopes, ","))
		if len(row.Scopes) == 0 || row.Handler == nil || row.Description == "" {
			t.Errorf("%s %s lacks scopes, a handler or a description", row.Method, row.Pattern)
		}
		if row.CompatRow != row.Method+" /api/v2"+row.Pattern {
			t.Errorf("%s %s names the row %q", row.Method, row.Pattern, row.CompatRow)
		}
		if !strings.Contains(string(compat), "\t"+row.CompatRow+"\tyes\t") && !strings.Contains(string(compat), "\t"+row.CompatRow+"\tpartial\t") {
			t.Errorf("docs/compat.tsv doesn't say that %q is there", row.CompatRow)
		}
	}
	want, err := os.ReadFile("testdata/routes.golden")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("routes differ from testdata/routes.golden (-want +got):\n%s", diff)
	}
}
