package dev_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/latchkey-id/latchkey/server/dev"
)

func TestDemoTenantFitsThePages(t *testing.T) {
	text := string(dev.DemoTenant())
	values, err := dev.DemoReplacements("http://localhost:3000/")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range values {
		text = strings.ReplaceAll(text, "##"+key+"##", value)
	}
	if left := regexp.MustCompile(`##\w+##|@@\w+@@`).FindString(text); left != "" {
		t.Errorf("%s has no value", left)
	}
	var file struct {
		Clients []struct {
			Name       string
			ClientID   string `yaml:"client_id"`
			Secret     string `yaml:"client_secret"`
			Callbacks  []string
			WebOrigins []string `yaml:"web_origins"`
			Logout     []string `yaml:"allowed_logout_urls"`
		}
		ClientGrants []struct {
			ClientID string `yaml:"client_id"`
			Audience string
		} `yaml:"clientGrants"`
		Users []struct{ Email, Password, Connection string }
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Clients) != 3 || len(file.ClientGrants) != 1 || len(file.Users) != 1 {
		t.Fatalf("%+v", file)
	}
	spa, management := file.Clients[0], file.Clients[2]
	for _, pair := range [][2]string{
		{spa.ClientID, dev.DemoSPAClientID},
		{file.Clients[1].ClientID, dev.DemoWebClientID},
		{management.ClientID, dev.DemoManagementClientID},
		{management.Secret, dev.DemoManagementClientSecret},
		{file.ClientGrants[0].ClientID, management.Name},
		{file.ClientGrants[0].Audience, "http://localhost:3000/api/v2/"},
		{file.Users[0].Email, dev.DemoEmail},
		{file.Users[0].Password, dev.DemoPassword},
		{spa.Callbacks[0], "http://localhost:3000/dev/app"},
		{spa.Logout[0], "http://localhost:3000/dev/app"},
		{spa.WebOrigins[0], "http://localhost:3000"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%q in the file, %q expected", pair[0], pair[1])
		}
	}
	for _, c := range file.Clients {
		if len(c.ClientID) != 32 {
			t.Errorf("client_id %s has %d characters", c.ClientID, len(c.ClientID))
		}
	}
}
