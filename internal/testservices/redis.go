package testservices

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	redisPatience = 20 * time.Second
	redisPoll     = 20 * time.Millisecond
	redisMaster   = "main" // the name that Sentinels know the servers by
	redisStarts   = 3      // a free port may be gone when the server asks for it
)

// RedisNode is one running redis-server.
type RedisNode struct {
	Addr string // host:port

	t    testing.TB
	dir  string
	args []string
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// Redis starts a server and returns its URL.
func Redis(t testing.TB) string { return "redis://" + RedisServer(t).Addr }

// RedisServer starts a server with further arguments of redis-server.
func RedisServer(t testing.TB, args ...string) *RedisNode {
	t.Helper()
	return redisStart(t, nil, args...)
}

// RedisCluster starts a Cluster of three masters and returns its URL.
func RedisCluster(t testing.TB) string {
	t.Helper()
	url, _ := RedisClusterNodes(t)
	return url
}

// RedisClusterNodes is [RedisCluster] for tests that end and start its nodes. Node i has the i-th third of the slots.
func RedisClusterNodes(t testing.TB) (string, []*RedisNode) {
	t.Helper()
	const slots = 16384
	var nodes []*RedisNode
	var addrs []string
	for range 3 {
		node := redisStart(t, nil, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000",
			"--cluster-require-full-coverage", "no", "--cluster-port", redisFreePort(t))
		nodes, addrs = append(nodes, node), append(addrs, node.Addr)
	}
	for i, node := range nodes {
		node.do("cluster", "addslotsrange", i*slots/3, (i+1)*slots/3-1)
		// Without different epochs nodes that meet would have to settle who is who.
		node.do("cluster", "set-config-epoch", i+1)
		host, port, _ := net.SplitHostPort(nodes[0].Addr)
		if i > 0 {
			node.do("cluster", "meet", host, port, nodes[0].arg("--cluster-port"))
		}
	}
	for _, node := range nodes {
		node.until("the Cluster to be complete", func(ctx context.Context, c *goredis.Client) (string, bool) {
			info, err := c.ClusterInfo(ctx).Result()
			return fmt.Sprint(info, err), err == nil && strings.Contains(info, "cluster_state:ok") &&
				strings.Contains(info, "cluster_known_nodes:3") && strings.Contains(info, "cluster_slots_ok:16384")
		})
	}
	return "redis+cluster://" + strings.Join(addrs, ","), nodes
}

// RedisSentinel starts a master, a replica and three Sentinels, and returns their URL and a function that kills the master
// and waits until the Sentinels have made the replica master.
func RedisSentinel(t testing.TB) (url string, failover func()) {
	t.Helper()
	master := redisStart(t, nil, "--repl-diskless-sync-delay", "0")
	host, port, _ := net.SplitHostPort(master.Addr)
	replica := redisStart(t, nil, "--replicaof", host+" "+port)
	master.until("the replica to follow", func(ctx context.Context, c *goredis.Client) (string, bool) {
		info, err := c.Info(ctx, "replication").Result()
		return fmt.Sprint(info, err), err == nil && strings.Contains(info, "state=online")
	})
	config := strings.Join([]string{
		"sentinel monitor " + redisMaster + " " + host + " " + port + " 2",
		"sentinel down-after-milliseconds " + redisMaster + " 500",
		"sentinel failover-timeout " + redisMaster + " 3000", "",
	}, "\n")
	var sentinels []*RedisNode
	var addrs []string
	for range 3 {
		node := redisStart(t, []byte(config), "--sentinel")
		sentinels, addrs = append(sentinels, node), append(addrs, node.Addr)
	}
	for _, node := range sentinels {
		node.until("the Sentinels to find each other", func(ctx context.Context, c *goredis.Client) (string, bool) {
			m := goredis.NewMapStringStringCmd(ctx, "sentinel", "master", redisMaster)
			err := c.Process(ctx, m)
			state := m.Val()
			return fmt.Sprint(state, err), err == nil && state["num-slaves"] == "1" && state["num-other-sentinels"] == "2" &&
				state["flags"] == "master"
		})
	}
	return "redis+sentinel://" + strings.Join(addrs, ",") + "/" + redisMaster, func() {
		t.Helper()
		master.Kill()
		for _, node := range sentinels {
			node.until("the Sentinels to change masters", func(ctx context.Context, c *goredis.Client) (string, bool) {
				at := goredis.NewStringSliceCmd(ctx, "sentinel", "get-master-addr-by-name", redisMaster)
				err := c.Process(ctx, at)
				return fmt.Sprint(at.Val(), err), err == nil && strings.Join(at.Val(), ":") == replica.Addr
			})
		}
		replica.until("the replica to be master", func(ctx context.Context, c *goredis.Client) (string, bool) {
			info, err := c.Info(ctx, "replication").Result()
			return fmt.Sprint(info, err), err == nil && strings.Contains(info, "role:master")
		})
	}
}

// redisStart starts a server on a free port. Its configuration file, where given, is one it may write.
func redisStart(t testing.TB, config []byte, args ...string) *RedisNode {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		const missing = "NOT TESTED: redis-server is not installed (Debian: apt-get install redis-server)"
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	for range redisStarts {
		port := redisFreePort(t)
		n := &RedisNode{Addr: "127.0.0.1:" + port, t: t, dir: t.TempDir()}
		n.args = []string{program}
		if config != nil {
			file := filepath.Join(n.dir, "redis.conf")
			if err := os.WriteFile(file, config, 0o600); err != nil {
				t.Fatal(err)
			}
			n.args = append(n.args, file)
		}
		n.args = append(n.args, "--port", port, "--bind", "127.0.0.1", "--dir", n.dir, "--logfile", filepath.Join(n.dir, "log"),
			"--daemonize", "no", "--save", "", "--appendonly", "no")
		n.args = append(n.args, args...)
		t.Cleanup(n.Kill)
		if n.start() {
			return n
		}
	}
	t.Fatalf("redis-server ended %d times as it was started", redisStarts)
	return nil
}

// Start starts the server again, on its port and without its data.
func (n *RedisNode) Start() {
	n.t.Helper()
	if !n.start() {
		n.t.Fatalf("redis-server ended as it was started again: %s", n.log())
	}
}

// Kill ends the process at once, as a crash does.
func (n *RedisNode) Kill() {
	if n.cmd == nil {
		return
	}
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		n.t.Errorf("process %d of redis-server can't be ended: %v", n.cmd.Process.Pid, err)
	}
	<-n.done
}

// start returns whether the server answers; false if it ended before it did.
func (n *RedisNode) start() bool {
	n.t.Helper()
	n.cmd, n.done = exec.Command(n.args[0], n.args[1:]...), make(chan struct{})
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	go func(cmd *exec.Cmd, done chan struct{}) {
		defer close(done)
		_ = cmd.Wait() // it was killed, or its log says why it ended
	}(n.cmd, n.done)
	up := n.poll(func(ctx context.Context, c *goredis.Client) bool {
		conn, err := net.DialTimeout("tcp", n.Addr, time.Second) // the client would log that nobody listens yet
		if err != nil || conn.Close() != nil {
			return false
		}
		err = c.Ping(ctx).Err()
		var answer goredis.Error
		return err == nil || errors.As(err, &answer) // an answer, be it that a password is missing
	})
	if up {
		return true
	}
	select {
	case <-n.done:
		return false
	default:
		n.t.Fatalf("redis-server doesn't answer at %s: %s", n.Addr, n.log())
		return false
	}
}

// until waits for a state of the server. The check also returns what it saw.
func (n *RedisNode) until(what string, check func(context.Context, *goredis.Client) (string, bool)) {
	n.t.Helper()
	var saw string
	if !n.poll(func(ctx context.Context, c *goredis.Client) (ok bool) {
		saw, ok = check(ctx, c)
		return ok
	}) {
		n.t.Fatalf("waited in vain for %s; %s shows %s\n%s", what, n.Addr, saw, n.log())
	}
}

// poll asks until the check is true, the process ends or patience does.
func (n *RedisNode) poll(check func(context.Context, *goredis.Client) bool) bool {
	client := n.Client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), redisPatience)
	defer cancel()
	tick := time.NewTicker(redisPoll)
	defer tick.Stop()
	for !check(ctx, client) {
		select {
		case <-tick.C:
		case <-n.done:
			return false
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// Client is a connection for tests that look behind the scenes. Whoever asks for it closes it.
func (n *RedisNode) Client() *goredis.Client {
	return goredis.NewClient(&goredis.Options{
		Addr: n.Addr, Protocol: 2, DisableIdentity: true, DialerRetries: 1, MaxRetries: -1,
		DialTimeout: time.Second, ReadTimeout: 5 * time.Second, WriteTimeout: time.Second, PoolTimeout: time.Second,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	})
}

func (n *RedisNode) do(args ...any) {
	n.t.Helper()
	client := n.Client()
	defer client.Close()
	if err := client.Do(context.Background(), args...).Err(); err != nil {
		n.t.Fatalf("redis-server at %s: %v: %v", n.Addr, args, err)
	}
}

// arg is the value of one of the server's arguments.
func (n *RedisNode) arg(name string) string {
	i := slices.Index(n.args, name)
	return n.args[i+1]
}

// log is the end of what the server wrote.
func (n *RedisNode) log() string {
	data, err := os.ReadFile(filepath.Join(n.dir, "log"))
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-2000):])
}

func redisFreePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}
