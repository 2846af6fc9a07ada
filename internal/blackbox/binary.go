package blackbox

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
)

const command = "github.com/latchkey-id/latchkey/cmd/latchkey"

// folder is made once for all tests of the process; Main removes it.
var folder = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "latchkey-blackbox-") })

// binary builds the product once for all tests of the process, with the race detector if the tests have it.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := folder()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "latchkey")
	args := []string{"build", "-o", path}
	if raceEnabled() {
		args = append(args, "-race")
	}
	output, err := exec.Command("go", append(args, command)...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, output)
	}
	return path, nil
})

func raceEnabled() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	for _, setting := range info.Settings {
		if setting.Key == "-race" {
			return setting.Value == "true"
		}
	}
	return false
}

// Main runs the tests of a package that uses Start: func TestMain(m *testing.M) { os.Exit(blackbox.Main(m)) }.
func Main(m *testing.M) int {
	code := m.Run()
	dir, err := folder()
	if err = errors.Join(err, os.RemoveAll(dir)); err != nil {
		fmt.Fprintln(os.Stderr, "blackbox:", err)
		return max(code, 1)
	}
	return code
}

// environment is the tests' own without the product's variables, plus extra ones.
func environment(extra ...string) []string {
	var env []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "LATCHKEY_") {
			env = append(env, pair)
		}
	}
	return append(env, extra...)
}
