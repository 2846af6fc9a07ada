package redis

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	for url, want := range map[string]address{
		"redis://one":                       {hosts: []string{"one:6379"}},
		"redis://one:7000/3":                {hosts: []string{"one:7000"}, db: 3},
		"redis://:p%40s:s@[::1]/":           {hosts: []string{"[::1]:6379"}, password: "p@s:s"},
		"rediss://u%3A:p@s@[fe80::1]:1":     {hosts: []string{"[fe80::1]:1"}, username: "u:", password: "p@s", tls: true},
		"redis+cluster://a:1,b:2,c":         {hosts: []string{"a:1", "b:2", "c:6379"}, cluster: true},
		"rediss+cluster://x:y@a/0":          {hosts: []string{"a:6379"}, cluster: true, tls: true, username: "x", password: "y"},
		"redis+sentinel://a,b:2/main":       {hosts: []string{"a:26379", "b:2"}, master: "main"},
		"redis+sentinel://u:p@a/my%2Fmain/": {hosts: []string{"a:26379"}, master: "my/main", username: "u", password: "p", sentinelUsername: "u", sentinelPassword: "p"},
		"rediss+sentinel://:p@a/m/4?sentinel_password=q": {
			hosts: []string{"a:26379"}, master: "m", db: 4, password: "p", sentinelPassword: "q", tls: true,
		},
	} {
		got, err := parse(url)
		if err != nil {
			t.Errorf("%s: %v", url, err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(address{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", url, diff)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for url, want := range map[string]string{
		"":                                     "scheme",
		"one:6379":                             "scheme",
		"http://one":                           "scheme",
		"REDIS://one":                          "scheme",
		"redis+unix://one":                     "+",
		"redis+://one":                         "+",
		"redis://":                             "host",
		"redis://one:0":                        "port",
		"redis://one:65536":                    "port",
		"redis://one:":                         "port",
		"redis://::1":                          "HOST",
		"redis://[x:y]":                        "host",
		"redis://one two":                      "host",
		"redis://one,two":                      "several",
		"redis+cluster://one,,two":             "host",
		"redis+cluster://one/1":                "database 0",
		"redis://one/x":                        "number",
		"redis://one/-1":                       "number",
		"redis://one/1/2":                      "number",
		"redis+sentinel://one":                 "master",
		"redis+sentinel://one/":                "master",
		"redis+sentinel://one/%zz":             "master",
		"redis://hunter2@one":                  "password",
		"redis://:hunter2%zz@one":              "encoded",
		"redis://one#hunter2":                  "fragment",
		"redis://one?tls=hunter2":              `"tls"`,
		"redis://one?sentinel_password=hunter": `"sentinel_password"`,
		"redis+sentinel://one/m?sentinel_password=hunter2&sentinel_password=x": "twice",
		"redis+sentinel://one/m?sentinel_password=hunter2%zz":                  "encoded",
	} {
		_, err := parse(url)
		switch {
		case err == nil:
			t.Errorf("%s is accepted", url)
		case !strings.Contains(err.Error(), want):
			t.Errorf("%s: error is %q, want it to say %q", url, err, want)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("the error shows a secret: %v", err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("redis://user:pass@host:6379/1")
	f.Add("rediss+sentinel://:p@a:1,b/main/2?sentinel_password=x")
	f.Add("redis+cluster://[::1]:1,b")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parse(text)
		if err != nil {
			return
		}
		if len(a.hosts) == 0 || a.db < 0 || a.cluster && (a.db > 0 || a.master != "") {
			t.Errorf("%q became %+v", text, a)
		}
	})
}
