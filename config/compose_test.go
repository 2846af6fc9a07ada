package config_test

import (
	"bufio"
	"bytes"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/latchkey-id/latchkey/config"
)

// composeFile is what of docker-compose.yml concerns Latchkey.
type composeFile struct {
	Services map[string]struct {
		Build       string            `yaml:"build"`
		Profiles    []string          `yaml:"profiles"`
		Environment map[string]string `yaml:"environment"`
		// Networks is a list of names, or a mapping with addresses.
		Networks any `yaml:"networks"`
	} `yaml:"services"`
}

// imageEnvironment returns the variables that the Dockerfile sets.
func imageEnvironment(t *testing.T) map[string]string {
	t.Helper()
	data, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		if variables, ok := strings.CutPrefix(lines.Text(), "ENV "); ok {
			for variable := range strings.FieldsSeq(variables) {
				name, value, _ := strings.Cut(variable, "=")
				found[name] = value
			}
		}
	}
	return found
}

// The compose file starts what this program reads: each variable is a key, and `latchkey serve` takes all of them together.
func TestComposeFileIsTrue(t *testing.T) {
	data, err := os.ReadFile("../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file composeFile
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for name, service := range file.Services {
		if service.Build == "" {
			continue
		}
		variables := imageEnvironment(t)
		maps.Copy(variables, service.Environment)
		var env []string
		for name, value := range variables {
			if rest, needed := strings.CutPrefix(value, "${LATCHKEY_ENCRYPTION_KEY:?"); needed && strings.HasSuffix(rest, "}") {
				value = strings.Repeat("A", 43) + "="
			}
			env = append(env, name+"="+value)
		}
		c := load(t, config.Sources{Env: env, Mode: config.Serve})
		database, _, _ := strings.Cut(c.Database.Reveal(), ":")
		sessions, _, _ := strings.Cut(c.Sessions.Reveal(), ":")
		got[name] = []string{strings.Join(service.Profiles, " "), c.Listen, c.Issuer, database, sessions, c.Metrics.Listen}
	}
	node := []string{"nodes", ":3000", "http://localhost:3100/", "postgres", "redis", ":9100"}
	want := map[string][]string{"latchkey": {"", ":3000", "http://localhost:3000/", "sqlite", "", ""}, "node-a": node, "node-b": node}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	proxy, _ := file.Services["proxy"].Networks.(map[string]any)
	address, _ := proxy["nodes"].(map[string]any)
	trusted := file.Services["node-a"].Environment["LATCHKEY_TRUSTED_PROXIES"]
	if address["ipv4_address"] != trusted {
		t.Errorf("the nodes trust %s, the proxy's address is %v", trusted, address["ipv4_address"])
	}
}
