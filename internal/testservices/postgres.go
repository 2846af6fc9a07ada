package testservices

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
)

// postgres is the one server of this test process.
var postgres struct {
	once      sync.Once
	err       error
	url       string // with %s for the database
	databases atomic.Int64
}

// Postgres returns the URL of a new, empty database that is dropped when the test ends. The server's first user makes it, so
// everything is allowed there.
func Postgres(t testing.TB) (url string) {
	t.Helper()
	server := program(t, "postgres", "/usr/lib/postgresql/*/bin/postgres")
	postgres.once.Do(func() { postgres.url, postgres.err = startPostgres(server) })
	if postgres.err != nil {
		t.Fatal(postgres.err)
	}
	name := fmt.Sprintf("test%d", postgres.databases.Add(1))
	if err := administer(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := administer(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return fmt.Sprintf(postgres.url, name)
}

func administer(ctx context.Context, statement string) error {
	conn, err := pgx.Connect(ctx, fmt.Sprintf(postgres.url, "postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}

func startPostgres(server string) (url string, err error) {
	as, err := unprivileged("postgres", "nobody") // PostgreSQL refuses to run as root
	if err != nil {
		return "", err
	}
	dir, err := directory("postgres", as)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	err = run(dir, as, filepath.Join(filepath.Dir(server), "initdb"), "--pgdata", data, "--username", "latchkey", "--auth", "trust",
		"--encoding", "UTF8", "--locale", "C", "--no-sync")
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	url = fmt.Sprintf("postgres://latchkey:unused@127.0.0.1:%d/%%s?sslmode=disable", port)
	ready := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
		defer cancel()
		conn, err := pgx.Connect(ctx, fmt.Sprintf(url, "postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	}
	// Nothing of a test must survive the machine.
	return url, start(dir, as, ready, server, "-D", data, "-p", strconv.Itoa(port), "-k", dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "full_page_writes=off", "-c", "max_connections=200",
		"-c", "shared_buffers=64MB")
}
