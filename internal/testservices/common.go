// Package testservices starts private servers for tests: one of each kind per test process, on a free port of the loopback
// interface, with its data in a directory of its own. They end with the process, however it ends. Where a server's program is
// not installed the test is skipped, and fails instead where CI=true says that everything must be tested.
package testservices

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"
)

const (
	// startTimeout bounds the wait for a server that was started, startPoll is how often it is tried.
	startTimeout = 60 * time.Second
	startPoll    = 20 * time.Millisecond
)

// keeper runs a server and ends it when its standard input ends, which happens at the latest with the process that holds
// the other end: no server outlives its tests, even killed ones. Its arguments are the directory to remove and the command.
const keeper = `dir=$1; shift
"$@" & pid=$!
read -r _
kill -INT $pid
wait $pid
cd / && rm -rf "$dir"`

// program finds an executable in PATH or, newest first, where a glob pattern says; without one it skips the test.
func program(t testing.TB, name, pattern string) string {
	t.Helper()
	if path, err := exec.LookPath(name); err == nil {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
	}
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		return found[len(found)-1]
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI=true wants everything tested", name)
	}
	t.Skipf("SKIPPED: %s is not installed, so nothing of this was tested", name)
	return ""
}

// freePort returns a port of the loopback interface that nobody listens on.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// directory makes a directory for a server that runs as this account.
func directory(kind string, as *syscall.Credential) (string, error) {
	dir, err := os.MkdirTemp("", "latchkey-"+kind+"-")
	if err != nil || as == nil {
		return dir, err
	}
	return dir, os.Chown(dir, int(as.Uid), int(as.Gid))
}

// unprivileged is the first of these accounts for servers that refuse to run as root; nil where this process isn't root.
func unprivileged(names ...string) (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range names {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("none of the accounts %v exists", names)
}

// run executes a command in the directory and returns its output as part of the error.
func run(dir string, as *syscall.Credential, command ...string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command[0], err, output)
	}
	return nil
}

// start runs a server in the directory, which is removed after it, and waits until ready has no error. The server writes to
// the file log there.
func start(dir string, as *syscall.Credential, ready func() error, command ...string) error {
	log := filepath.Join(dir, "log")
	out, err := os.Create(log)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command("sh", append([]string{"-c", keeper, "sh", dir}, command...)...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	// A group of its own, so that an interrupt from the keyboard goes to the tests only and the keeper can clean up.
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as, Setpgid: true}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	// The wait also keeps stdin open for as long as this process lives.
	go func() { ended <- cmd.Wait() }()
	if err := poll(ready, ended); err != nil {
		said, _ := os.ReadFile(log) // what can't be read is not worth another error
		stdin.Close()
		return fmt.Errorf("%s: %w\n%s", command[0], err, said)
	}
	return nil
}

// poll waits until ready has no error.
func poll(ready func() error, ended <-chan error) error {
	deadline := time.NewTimer(startTimeout)
	defer deadline.Stop()
	tick := time.NewTicker(startPoll)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case end := <-ended:
			return fmt.Errorf("it ended: %v", end)
		case <-deadline.C:
			return fmt.Errorf("not ready after %v: %w", startTimeout, err)
		}
	}
}
