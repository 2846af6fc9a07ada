// Command drive asks for many different addresses as often as it can and tells what that cost the servers:
//
//	targets file → workers → server
//	/proc before and after → CPU-ms per request, as one JSON line
//
// A line of the targets file is a path and, after a tab, the access token for it. Every line is asked for once, in random
// order, before any is asked for again.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// target is one line of the file.
type target struct{ path, token string }

func main() {
	base := flag.String("base", "http://127.0.0.1:9300", "where the server is")
	file := flag.String("targets", "", "`file` of paths and tokens")
	bearer := flag.String("bearer", "", "access token where a line has none")
	connections := flag.Int("c", 8, "requests at a time")
	duration := flag.Duration("d", 3*time.Second, "how long to measure")
	warm := flag.Duration("warm", time.Second, "how long to run before")
	pids := flag.String("pid", "", "name=PID,… of the servers; the processes that they started count as theirs")
	label := flag.String("label", "", "name of the measurement")
	flag.Parse()
	servers, err := parseServers(*pids)
	if err != nil {
		log.Fatal(err)
	}
	targets, err := readTargets(*file, *bearer)
	if err != nil {
		log.Fatal(err)
	}
	l := newLoad(*base, targets, *connections)
	result, err := l.measure(servers, *warm, *duration)
	if err != nil {
		log.Fatal(err)
	}
	result["label"] = *label
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		log.Fatal(err)
	}
}

func readTargets(name, bearer string) ([]target, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var all []target
	for line := range strings.Lines(string(data)) {
		path, token, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		if token == "" {
			token = bearer
		}
		all = append(all, target{path, token})
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s is empty", name)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all, nil
}

// load is the running workers.
type load struct {
	base    string
	targets []target
	workers int
	client  *http.Client
	next    atomic.Int64
	done    atomic.Int64
	stop    atomic.Bool
}

func newLoad(base string, targets []target, workers int) *load {
	return &load{
		base: base, targets: targets, workers: workers,
		client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: workers, DisableCompression: true}},
	}
}

// measure runs the workers and reports requests and CPU of the time between warm and warm+duration. Any request that fails
// fails the whole.
func (l *load) measure(servers []server, warm, duration time.Duration) (map[string]any, error) {
	errs := make(chan error, l.workers)
	var running sync.WaitGroup
	for range l.workers {
		running.Go(func() {
			for !l.stop.Load() {
				if err := l.ask(); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	time.Sleep(warm)
	began, before, usedBefore := time.Now(), l.done.Load(), usage(servers)
	time.Sleep(duration)
	took, requests, usedAfter := time.Since(began), l.done.Load()-before, usage(servers)
	l.stop.Store(true)
	running.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return nil, err
	}
	if requests == 0 {
		return nil, fmt.Errorf("no request was answered within %v", duration)
	}
	result := map[string]any{"ops": requests, "rps": float64(requests) / took.Seconds()}
	var sum float64
	for n, s := range servers {
		cpu := float64((usedAfter[n] - usedBefore[n]).Microseconds()) / 1000 / float64(requests)
		result["cpu_ms_"+s.name] = cpu
		sum += cpu
	}
	result["cpu_ms"] = sum
	return result, nil
}

// ask sends one request and reads the answer.
func (l *load) ask() error {
	t := l.targets[int(l.next.Add(1)-1)%len(l.targets)]
	r, err := http.NewRequest(http.MethodGet, l.base+t.path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+t.token)
	answer, err := l.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || len(body) < len("[{}]") {
		return fmt.Errorf("GET %s: status %d: %.200s", t.path, answer.StatusCode, body)
	}
	l.done.Add(1)
	return nil
}
