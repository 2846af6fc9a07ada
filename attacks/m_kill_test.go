package attacks_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/latchkey-id/latchkey/internal/blackbox"
)

// A PATCH that a crash cuts off has changed everything it names or nothing, and one that was answered is there.
func TestM167_KillInsideAPatch(t *testing.T) {
	t.Parallel()
	s := embedded(t)
	node := s.nodes[0]
	id := s.born(t, "patched")
	authorization := "Bearer " + machine(t, node).Text("access_token")
	version := 0
	for round := range 4 {
		var answered, sent atomic.Int64
		answered.Store(int64(version))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			for v := version + 1; ; v++ {
				sent.Store(int64(v))
				request, err := patchRequest(node.BaseURL+"/api/v2/users/"+url.PathEscape(id), authorization, v)
				if err != nil {
					t.Error(err)
					return
				}
				response, err := node.Client().Do(request)
				if err != nil {
					return // the kill
				}
				response.Body.Close()
				if response.StatusCode != http.StatusOK {
					t.Errorf("PATCH is answered %d", response.StatusCode)
					return
				}
				answered.Store(int64(v))
			}
		}()
		blackbox.Eventually(t, time.Minute, "some are answered", func() bool { return answered.Load() >= int64(version+1+round) })
		node.Kill()
		<-ended
		node.Restart()
		a := s.manage(t, node, http.MethodGet, "/users/"+url.PathEscape(id), nil)
		meta, _ := a.JSON["app_metadata"].(map[string]any)
		number, _ := meta["version"].(json.Number)
		found, err := number.Int64()
		text, _ := meta["blob"].(string)
		if err != nil || found < answered.Load() || found > sent.Load() || a.Text("nickname") != "v"+number.String() || !strings.HasPrefix(text, number.String()+" ") {
			t.Fatalf("answered %d, sent %d, found version %v, nickname %q, %d bytes", answered.Load(), sent.Load(), meta["version"], a.Text("nickname"), len(text))
		}
		version = int(sent.Load())
		s.sameEverywhere(t)
	}
}

func patchRequest(address, authorization string, version int) (*http.Request, error) {
	number := strconv.Itoa(version)
	body, err := json.Marshal(map[string]any{
		"nickname": "v" + number, "app_metadata": map[string]any{"version": version, "blob": number + strings.Repeat(" x", 50<<10)},
	})
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequest(http.MethodPatch, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", authorization)
	request.Header.Set("Content-Type", jsonType)
	return request, nil
}
