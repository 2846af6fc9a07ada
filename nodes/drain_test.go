package nodes_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// An operator replaces the nodes one after the other while people log in: nobody notices.
func TestANodeIsDrainedWhileTrafficGoesOn(t *testing.T) {
	p := newPair(t, setup{yaml: `"limits": {"shutdown_delay": "1s"}`})
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { p.balancer.watch(ctx) })
	var rounds atomic.Int64
	for worker := range 8 {
		name := p.register(fmt.Sprintf("worker-%d", worker))
		running.Go(func() {
			app := p.app(t, "spa")
			for ctx.Err() == nil && !t.Failed() {
				held := p.logIn(t, app, p.browser(t), name)
				if next := app.Refresh(held.Text("refresh_token"), nil); next.Status != http.StatusOK {
					t.Errorf("refresh: %s", next.Error())
				}
				if answer := p.Userinfo(t, held.Text("access_token")); answer.Status != http.StatusOK {
					t.Errorf("userinfo: %d", answer.Status)
				}
				rounds.Add(1)
			}
		})
	}
	for _, node := range p.nodes {
		before := rounds.Load()
		node.Stop()
		if code := node.ExitCode(); code != 0 {
			t.Errorf("the node ended with %d, want 0", code)
		}
		during := rounds.Load()
		node.Restart()
		if during == before {
			t.Error("no traffic while the node was drained: nothing was tested")
		}
		blackbox.Eventually(t, patience, "traffic goes on", func() bool { return rounds.Load() > during+8 })
	}
	stop()
	running.Wait()
	if lost := p.balancer.lost.Load(); lost > 0 {
		t.Errorf("%d requests were lost", lost)
	}
	t.Logf("%d rounds of log-in, refresh and userinfo, %d requests lost", rounds.Load(), p.balancer.lost.Load())
	p.sound(t)
	p.noErrors(t)
}
