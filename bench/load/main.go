// Command load fills a tenant with people, so that the cost of a request can be measured among few and among many:
//
//	config → store ── people.go: ten people a block, through the driver
//	               └─ copies.go: the rest of the block, as copies of their rows inside the database
//	               └─ check.go: some of them are read back and compared
//	               └─ targets.go: what bench/drive asks for, with access tokens
//
// The tenant must have the clients and connections of bench/tenant.yaml.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/drivers/postgres"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/sessions"
	"github.com/latchkey-id/latchkey/tokens"
)

// options are the command line.
type options struct {
	config  string
	users   int
	from    int
	targets string
	tokens  int
}

func main() {
	var o options
	flag.StringVar(&o.config, "config", "", "the server's configuration `file`")
	flag.IntVar(&o.users, "users", 1000, "how many people to store, a multiple of 10")
	flag.IntVar(&o.from, "from", 0, "number of the first one, a multiple of 10")
	flag.StringVar(&o.targets, "targets", "", "`folder` for what bench/drive asks for; none where empty")
	flag.IntVar(&o.tokens, "tokens", 20000, "how many different opaque access tokens to make; a tenth as many signed ones")
	flag.Parse()
	if err := load(context.Background(), o); err != nil {
		log.Fatal(err)
	}
}

func load(ctx context.Context, o options) error {
	if o.users <= 0 || o.users%kinds != 0 || o.from < 0 || o.from%kinds != 0 || o.from+o.users > mostPeople {
		return fmt.Errorf("-users and -from must be multiples of %d, and no number above %d", kinds, mostPeople)
	}
	c, err := config.Load(config.Sources{File: o.config, Mode: config.Serve})
	if err != nil {
		return err
	}
	into, err := open(ctx, c)
	if err != nil {
		return err
	}
	err = into.fill(ctx, o)
	return errors.Join(err, into.close())
}

// destination is the tenant that is filled.
type destination struct {
	config *config.Config
	ring   *seal.Ring
	users  profilestore.Store
	grants sessions.Grants
	keys   tokens.KeyStore
	copies copier
	close  func() error
}

func open(ctx context.Context, c *config.Config) (*destination, error) {
	ring, err := seal.NewRing(c.Keys...)
	if err != nil {
		return nil, err
	}
	path, embedded := strings.CutPrefix(c.Database.Reveal(), "sqlite:")
	if embedded {
		return openSQLite(ctx, c, path, ring)
	}
	return openPostgres(ctx, c, ring)
}

func openSQLite(ctx context.Context, c *config.Config, path string, ring *seal.Ring) (*destination, error) {
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path, Ring: ring, Now: time.Now})
	if err != nil {
		return nil, err
	}
	copies, err := sqliteCopier(path)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	t := db.Tenant(c.Tenant)
	return &destination{
		config: c, ring: ring, users: t.Users(), grants: t.Grants(), keys: t.Keys(), copies: copies,
		close: func() error { return errors.Join(copies.close(), db.Close()) },
	}, nil
}

func openPostgres(ctx context.Context, c *config.Config, ring *seal.Ring) (*destination, error) {
	db, err := postgres.Open(ctx, postgres.Options{URL: c.Database.Reveal(), Ring: ring, Now: time.Now})
	if err != nil {
		return nil, err
	}
	copies, err := postgresCopier(c.Database.Reveal())
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	t := db.Tenant(c.Tenant)
	return &destination{
		config: c, ring: ring, users: t.Users(), grants: t.Grants(), keys: t.Keys(), copies: copies,
		close: func() error { return errors.Join(copies.close(), db.Close()) },
	}, nil
}

// fill stores the people block by block, and reads some of them back.
func (d *destination) fill(ctx context.Context, o options) error {
	began := time.Now()
	for first := o.from; first < o.from+o.users; first += blockSize {
		size := min(blockSize, o.from+o.users-first)
		if err := d.block(ctx, first, size); err != nil {
			return fmt.Errorf("people from %d: %w", first, err)
		}
		done := first + size - o.from
		fmt.Fprintf(os.Stderr, "%d of %d people, %.0f a second\n", done, o.users, float64(done)/time.Since(began).Seconds())
	}
	if err := d.copies.settle(ctx); err != nil {
		return err
	}
	if err := d.check(ctx, o); err != nil {
		return err
	}
	if o.targets == "" {
		return nil
	}
	return d.writeTargets(ctx, o)
}

// block stores one person of each kind through the driver and copies them until there are size people.
func (d *destination) block(ctx context.Context, first, size int) error {
	err := d.users.Write(ctx, func(tx profilestore.Tx) error {
		for n := first; n < first+kinds; n++ {
			u, err := person(n)
			if err != nil {
				return err
			}
			if err := tx.Put(ctx, u); err != nil {
				return fmt.Errorf("person %d: %w", n, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return d.copies.copy(ctx, d.config.Tenant, first, size/kinds-1)
}
