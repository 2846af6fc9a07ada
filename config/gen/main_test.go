package main

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", os.Getenv("LATCHKEY_UPDATE") == "1", "rewrite docs/config.md")

func TestConfigurationPageIsCurrent(t *testing.T) {
	root := filepath.Join("..", "..")
	page := filepath.Join(root, "docs", "config.md")
	want, err := render(root)
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(page, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/config.md is not what config/config.go says; run `make docs` (-want +got):\n%s", diff)
	}
}
