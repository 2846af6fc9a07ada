package nodes_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/latchkey-id/latchkey/internal/blackbox"
	"github.com/latchkey-id/latchkey/internal/testservices"
)

// A session that is lost with a master costs a new log-in, never more.
func TestAFailOverOfSentinels(t *testing.T) {
	t.Parallel()
	address, failOver := testservices.RedisSentinel(t)
	p := newPair(t, setup{redis: address})
	app, browser, name := p.app(t, "spa"), p.browser(t), p.register("grace")
	held := p.logIn(t, app, browser, name)
	guest := p.browser(t)
	form := guest.Open(app.Authorize(nil).URL)
	failOver() // returns when another one is master
	p.survives(t, app, guest, held, form)
}

func TestAMasterOfAClusterIsLostAndComesBack(t *testing.T) {
	t.Parallel()
	address, masters := testservices.RedisClusterNodes(t)
	p := newPair(t, setup{redis: address})
	app, browser, name := p.app(t, "spa"), p.browser(t), p.register("grace")
	held := p.logIn(t, app, browser, name)
	guest := p.browser(t)
	form := guest.Open(app.Authorize(nil).URL)
	masters[1].Kill()
	for range 6 { // the slots of the other masters still answer
		page := p.browser(t).Open(app.Authorize(through(name)).URL)
		if page.Param("code") == "" && page.Status != http.StatusServiceUnavailable {
			t.Errorf("during the loss a log-in ends at %s with %d", page.URL, page.Status)
		}
	}
	masters[1].Start()
	p.survives(t, app, guest, held, form)
}

// survives waits until log-ins work by themselves, and checks what people held.
func (p *pair) survives(t *testing.T, app *blackbox.App, browser *blackbox.Browser, held blackbox.Answer, form *blackbox.Page) {
	t.Helper()
	if answer := p.Userinfo(t, held.Text("access_token")); answer.Status != http.StatusOK {
		t.Errorf("userinfo answers %d", answer.Status)
	}
	if next := app.Refresh(held.Text("refresh_token"), nil); next.Status != http.StatusOK {
		t.Errorf("a refresh gives %s", next.Error())
	}
	if len(form.Forms) == 0 {
		t.Fatalf("no log-in page at %s", form.URL)
	}
	// The log-in on its way was kept, is not available yet, or has to be begun again.
	page := fill(t, browser, form, url.Values{"username": {"ada@example.com"}, "password": {password}})
	if ok := page.Param("code") != "" || page.Status == http.StatusServiceUnavailable || page.Status == http.StatusBadRequest; !ok {
		t.Errorf("the log-in on its way ends at %s with %d:\n%s", page.URL, page.Status, page.Body)
	}
	for range 3 * len(p.nodes) {
		blackbox.Eventually(t, patience, "log-ins work again", func() bool {
			flow := app.Authorize(through("grace"))
			page := p.browser(t).Open(flow.URL)
			return page.Param("code") != "" && app.Exchange(flow, page.Param("code"), nil).Status == http.StatusOK
		})
	}
	p.sound(t)
	p.noErrors(t)
}
