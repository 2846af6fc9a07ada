package nodes_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// slow is a network on which a question and its answer take longer than a node waits.
const slow = 3 * time.Second

func TestAnOutageOfRedis(t *testing.T) {
	t.Parallel()
	p := newPair(t, setup{})
	for _, outage := range []struct {
		name       string
		begin, end func()
		forgets    bool
	}{
		{"refused", p.redis.Cut, p.redis.Restore, false},
		{"a black hole", p.redis.Blackhole, p.redis.Restore, false},
		{"slow", func() { p.redis.Delay(slow) }, p.redis.Restore, false},
		{"down, and back without its data", p.redisAt.Kill, p.redisAt.Start, true},
	} {
		t.Run(outage.name, func(t *testing.T) {
			v := p.arrive(t)
			outage.begin()
			v.during(t, needs{redis: true})
			outage.end()
			p.after(t)
			if !outage.forgets {
				v.goesOn(t)
			}
		})
	}
}

func TestConnectionsToTheStoresThatEndByThemselves(t *testing.T) {
	p := newPair(t, setup{})
	p.after(t)
	p.redis.HalfClose()
	p.postgres.HalfClose()
	p.after(t)
}

func TestRedisLosesEverything(t *testing.T) {
	p := newPair(t, setup{})
	app, browser, name := p.app(t, "spa"), p.browser(t), p.register("grace")
	kept, revoked := p.logIn(t, app, browser, name), p.logIn(t, app, browser, name)
	flow := app.Authorize(through(name))
	code := browser.Open(flow.URL).Param("code")
	used := app.Authorize(through(name))
	usedCode := browser.Open(used.URL).Param("code")
	if tokens := app.Exchange(used, usedCode, nil); tokens.Status != http.StatusOK {
		t.Fatal(tokens.Error())
	}
	if answer := app.Revoke(revoked.Text("refresh_token"), nil); answer.Status != http.StatusOK {
		t.Fatal(answer.Error())
	}
	client := redis.NewClient(&redis.Options{
		Addr: p.redisAt.Addr, MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
	defer client.Close()
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	for range p.nodes {
		if page := browser.Open(app.Authorize(url.Values{"prompt": {"none"}}).URL); page.Param("error") != "login_required" {
			t.Errorf("a silent log-in ends at %s", page.URL)
		}
		for _, old := range []struct {
			flow blackbox.Flow
			code string
		}{{flow, code}, {used, usedCode}} {
			if answer := app.Exchange(old.flow, old.code, nil); answer.Text("error") != "invalid_grant" {
				t.Errorf("a code from before gives %s", answer.Error())
			}
		}
		if answer := p.Userinfo(t, revoked.Text("access_token")); answer.Status != http.StatusUnauthorized {
			t.Errorf("userinfo answers %d for a revoked grant", answer.Status)
		}
		if answer := app.Refresh(revoked.Text("refresh_token"), nil); answer.Text("error") != "invalid_grant" {
			t.Errorf("a revoked refresh token gives %s", answer.Error())
		}
		if answer := p.Userinfo(t, kept.Text("access_token")); answer.Status != http.StatusOK {
			t.Errorf("userinfo answers %d for a good grant", answer.Status)
		}
		next := app.Refresh(kept.Text("refresh_token"), nil)
		if next.Status != http.StatusOK {
			t.Fatalf("a good refresh token gives %s", next.Error())
		}
		kept = next
	}
	p.logIn(t, app, browser, name)
	p.sound(t)
	p.noErrors(t)
}
