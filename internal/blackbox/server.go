package blackbox

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Options say how a Server runs. The zero value is the demo tenant over plain http.
type Options struct {
	// Tenant is the YAML text of the tenant file; "" is the demo tenant. ##LATCHKEY_ISSUER## in it becomes the issuer.
	Tenant string
	// Dir keeps state; "" is a folder that the test removes.
	Dir string
	// Upstream stands in for all identity providers; "" are the product's own simulated ones.
	Upstream string
	TLS      bool
	// Config is the YAML text of a configuration file: it makes the process `latchkey serve` instead of `latchkey dev`, which
	// takes neither Tenant nor Upstream nor TLS.
	Config string
	// Issuer is the public address where it isn't the process's own, such as that of a load balancer, with a trailing slash.
	Issuer string
	// Env are further variables, "NAME=value".
	Env []string
	// Wrap is a command that runs the product: the product's own command line is put after it. It must become the product,
	// as exec does, and not start it.
	Wrap []string
}

// Server is a running product. Its methods end the test where they can't do their work.
type Server struct {
	BaseURL string // without a trailing slash
	Issuer  string // with one
	Dir     string

	t       testing.TB
	options Options
	address string
	logs    *output
	process *exec.Cmd
	exited  chan struct{} // closed when the process of the last start has ended
	client  *http.Client

	mu       sync.Mutex
	advanced time.Duration
}

// output collects what the process writes.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

const (
	configFile   = "latchkey.yml"
	startTimeout = time.Minute
	stopTimeout  = 30 * time.Second
	pollInterval = 10 * time.Millisecond
)

// Start runs `latchkey dev`, or `latchkey serve` where there is a configuration, on a free port of this machine and returns
// once it is ready. The process ends with the test.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s := &Server{Dir: o.Dir, t: t, options: o, address: freeAddress(t), logs: &output{}}
	scheme := "http"
	if o.TLS {
		scheme = "https"
	}
	s.BaseURL = scheme + "://" + s.address
	s.Issuer = s.BaseURL + "/"
	if o.Issuer != "" {
		s.Issuer = o.Issuer
	}
	t.Cleanup(s.end)
	s.launch()
	return s
}

// At stands for a product that is reached at an address, such as nodes behind a load balancer: there is no process to end
// or to start, but apps and browsers can be sent there.
func At(t testing.TB, baseURL string) *Server {
	t.Helper()
	s := &Server{BaseURL: baseURL, Issuer: baseURL + "/", t: t, address: strings.TrimPrefix(baseURL, "http://"), logs: &output{}}
	client, err := s.newClient()
	if err != nil {
		t.Fatal(err)
	}
	s.client = client
	return s
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	return address
}

func (s *Server) launch() {
	s.t.Helper()
	s.spawn()
	s.awaitReady()
}

// KillWhen starts the product, which must have ended, and kills it as soon as done says so, ready or not.
func (s *Server) KillWhen(done func() bool) {
	s.t.Helper()
	s.spawn()
	for deadline := time.Now().Add(startTimeout); !done(); {
		if !s.Alive() || time.Now().After(deadline) {
			s.t.Fatalf("the moment to kill the server never came:\n%s", s.Logs())
		}
	}
	s.Kill()
}

// spawn starts the process and returns at once.
func (s *Server) spawn() {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	args := []string{"dev", "--listen", s.address, "--data", s.Dir}
	if s.options.Config != "" {
		args = []string{"serve", "--listen", s.address, "--config", s.WriteFile(configFile, s.options.Config)}
	}
	if s.options.Tenant != "" {
		args = append(args, "--tenant", s.WriteFile("tenant.yaml", s.options.Tenant))
	}
	if s.options.Upstream != "" {
		args = append(args, "--upstream", s.options.Upstream)
	}
	if s.options.TLS {
		args = append(args, "--tls")
	}
	line := append(slices.Clone(s.options.Wrap), path)
	line = append(line, args...)
	s.process = exec.Command(line[0], line[1:]...)
	s.process.Env = s.environment()
	s.process.Stdout, s.process.Stderr = s.logs, s.logs
	if err := s.process.Start(); err != nil {
		s.t.Fatal(err)
	}
	exited := make(chan struct{})
	s.exited = exited
	go func(process *exec.Cmd) {
		// How it ended is told by its log; that it ended is all that counts here.
		_ = process.Wait()
		close(exited)
	}(s.process)
}

func (s *Server) environment() []string {
	return environment(append([]string{"LATCHKEY_ISSUER=" + s.Issuer, "LATCHKEY_LOG_LEVEL=debug"}, s.options.Env...)...)
}

func (s *Server) awaitReady() {
	s.t.Helper()
	Eventually(s.t, startTimeout, "the server is ready", func() bool {
		select {
		case <-s.exited:
			s.t.Fatalf("the server ended before it was ready:\n%s", s.Logs())
		default:
		}
		client, err := s.newClient()
		if err != nil {
			return false
		}
		response, err := client.Get(s.BaseURL + "/readyz")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return false
		}
		s.client = client
		return true
	})
}

// newClient trusts the server's own authority and follows no redirects.
func (s *Server) newClient() (*http.Client, error) {
	transport := &http.Transport{Proxy: nil, DisableCompression: true, MaxIdleConnsPerHost: 64}
	if s.options.TLS {
		pem, err := os.ReadFile(filepath.Join(s.Dir, "tls", "ca.pem"))
		if err != nil {
			return nil, err
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, errors.New("the authority's certificate can't be read")
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: pool}
	}
	return &http.Client{
		Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// Client talks to the server without cookies and follows no redirects.
func (s *Server) Client() *http.Client { return s.client }

// Pid is the id of the running process.
func (s *Server) Pid() int { return s.process.Process.Pid }

// Alive tells whether the process still runs.
func (s *Server) Alive() bool {
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

// ExitCode is how the process ended, -1 where it was killed or still runs.
func (s *Server) ExitCode() int {
	if s.Alive() {
		return -1
	}
	return s.process.ProcessState.ExitCode()
}

// Write sends a request over a connection of its own and leaves the answer unread. The connection ends with the test. For
// servers without TLS.
func (s *Server) Write(t testing.TB, request *http.Request) net.Conn {
	t.Helper()
	var dialer net.Dialer
	conn, err := dialer.DialContext(t.Context(), "tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	// Tests may have closed it before.
	t.Cleanup(func() { _ = conn.Close() })
	if err := request.Write(conn); err != nil {
		t.Fatal(err)
	}
	return conn
}

// Logs returns everything that the process wrote so far, over all its starts.
func (s *Server) Logs() string { return s.logs.String() }

// Kill ends the process at once, as a crash does.
func (s *Server) Kill() {
	s.t.Helper()
	s.signal(syscall.SIGKILL)
}

// Stop asks the process to end and waits until it has.
func (s *Server) Stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
}

// Restart starts the product again with the same state and address, after ending it where it still runs. The dev clock
// starts anew.
func (s *Server) Restart() {
	s.t.Helper()
	if s.Alive() {
		s.Stop()
	}
	s.mu.Lock()
	s.advanced = 0
	s.mu.Unlock()
	s.launch()
}

func (s *Server) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.process.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.t.Fatal(err)
	}
	select {
	case <-s.exited:
	case <-time.After(stopTimeout):
		s.t.Fatalf("the server did not end within %s of %s", stopTimeout, sig)
	}
}

// end is for the cleanup: it neither fails a passed test nor leaves the process behind.
func (s *Server) end() {
	if s.process == nil || s.process.Process == nil {
		return
	}
	if s.Alive() {
		// It may have ended in between, which is as good.
		_ = s.process.Process.Signal(syscall.SIGTERM)
		select {
		case <-s.exited:
		case <-time.After(stopTimeout):
			_ = s.process.Process.Kill()
			<-s.exited
		}
	}
	if s.t.Failed() {
		s.t.Logf("log of the server:\n%s", tail(s.Logs(), 2000))
	}
}

func tail(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return "…" + text[len(text)-most:]
}

// Advance moves the server's clock forward.
func (s *Server) Advance(by time.Duration) {
	s.t.Helper()
	body := strings.NewReader(fmt.Sprintf(`{"advance":%q}`, by))
	response, err := s.client.Post(s.BaseURL+"/dev/clock", "application/json", body)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(response.Body)
		s.t.Fatalf("clock: %s: %s", response.Status, text)
	}
	s.mu.Lock()
	s.advanced += by
	s.mu.Unlock()
}

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.advanced)
}

// Run runs another command of the product on the server's database and returns what it printed.
func (s *Server) Run(args ...string) string {
	s.t.Helper()
	text, err := s.Try(args...)
	if err != nil {
		s.t.Fatalf("latchkey %s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return text
}

// Try is Run for a command that may fail.
func (s *Server) Try(args ...string) (string, error) {
	s.t.Helper()
	path, err := binary()
	if err != nil {
		s.t.Fatal(err)
	}
	env := s.environment()
	if s.options.Config != "" {
		args = append(args, "--config", filepath.Join(s.Dir, configFile))
	} else {
		key, err := os.ReadFile(filepath.Join(s.Dir, "encryption.key"))
		if err != nil {
			s.t.Fatal(err)
		}
		env = append(env, "LATCHKEY_DATABASE=sqlite:"+filepath.Join(s.Dir, "latchkey.db"), "LATCHKEY_ENCRYPTION_KEY="+string(key))
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	process := exec.CommandContext(ctx, path, args...)
	process.Env = env
	text, err := process.CombinedOutput()
	return string(text), err
}

// WriteFile writes a file into the server's folder and returns its path.
func (s *Server) WriteFile(name, text string) string {
	s.t.Helper()
	path := filepath.Join(s.Dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

// Eventually asks until done says yes, and ends the test where it doesn't in time.
func Eventually(t testing.TB, within time.Duration, what string, done func() bool) {
	t.Helper()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	timeout := time.After(within)
	for !done() {
		select {
		case <-ticker.C:
		case <-timeout:
			t.Fatalf("%s: not within %s", what, within)
		}
	}
}
