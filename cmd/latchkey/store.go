package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/drivers/sqlite"
	"github.com/latchkey-id/latchkey/internal/seal"
)

// open opens the configured database, at the newest schema unless that is to be done by hand.
func open(ctx context.Context, c *config.Config, ring *seal.Ring, now func() time.Time) (*sqlite.DB, error) {
	path, ok := strings.CutPrefix(c.Database.Reveal(), "sqlite:")
	if !ok {
		return nil, errors.New("database: this build has the sqlite driver only; use sqlite:PATH")
	}
	if c.Sessions != "" {
		return nil, errors.New("sessions: this build keeps short-lived state in the database only; leave the key out")
	}
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path, Ring: ring, Now: now, Migrate: c.Migrate == "auto"})
	if err != nil {
		return nil, err
	}
	if c.Migrate == "auto" {
		return db, nil
	}
	current, err := db.SchemaCurrent(ctx)
	if err == nil && !current {
		err = errors.New("the database has an older schema and migrate is manual: run latchkey migrate first")
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// ring makes the key ring that seals secrets.
func ring(c *config.Config) (*seal.Ring, error) {
	if len(c.Keys) == 0 {
		return nil, errors.New("encryption_key: 32 bytes in base64 are needed, such as from: openssl rand -base64 32")
	}
	r, err := seal.NewRing(c.Keys...)
	if err != nil {
		return nil, fmt.Errorf("encryption_key: %w", err)
	}
	return r, nil
}
