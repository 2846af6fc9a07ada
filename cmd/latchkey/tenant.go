package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/tenant"
)

// tenantCommands are `latchkey tenant …`.
type tenantCommands struct {
	Apply tenantApply `cmd:"" help:"Apply a tenant file (Auth0 Deploy CLI YAML)."`
}

// tenantApply is `latchkey tenant apply FILE`.
type tenantApply struct {
	configFlags
	File   string `arg:"" help:"The tenant file." type:"path"`
	DryRun bool   `help:"Print what would change and change nothing."`
}

// Help is shown by --help.
func (tenantApply) Help() string {
	return "Example: latchkey tenant apply tenant.yaml --dry-run\n\nApplying a file twice changes nothing the second time. Nothing is deleted that the file does not name."
}

// Run applies the file and prints what changed.
func (cmd *tenantApply) Run(ctx context.Context, io streams) error {
	c, err := cmd.load(config.Serve, nil)
	if err != nil {
		return err
	}
	file, err := tenant.ParseFile(cmd.File, os.LookupEnv)
	if err != nil {
		return err
	}
	n, err := newNode(ctx, withFreePort(c), nodeOptions{log: newLogger(c, io.err), now: time.Now})
	if err != nil {
		return err
	}
	var changes []tenant.Change
	if cmd.DryRun {
		_, changes, err = tenant.Plan(n.tenant.Current(), file, tenant.ApplyOptions{Issuer: c.Issuer, Strategies: known()})
	} else {
		changes, err = applyFile(ctx, n, file)
	}
	if err := errors.Join(err, n.close()); err != nil {
		return err
	}
	return report(io, file, changes)
}

// withFreePort keeps a command that only needs the stores from taking the server's ports and from tracing what nobody asked
// the server.
func withFreePort(c *config.Config) *config.Config {
	copied := *c
	copied.Listen, copied.Metrics, copied.Tracing = "127.0.0.1:0", config.Metrics{}, config.Tracing{}
	return &copied
}

// applyFile brings a tenant file into the database and seeds its people.
func applyFile(ctx context.Context, n *node, file *tenant.File) ([]tenant.Change, error) {
	options := tenant.ApplyOptions{Issuer: n.config.Issuer, Strategies: known()}
	var changes []tenant.Change
	_, err := n.tenant.Update(ctx, func(current *tenant.Config) error {
		next, planned, err := tenant.Plan(current, file, options)
		if err != nil {
			return err
		}
		changes = planned
		revision := current.Revision
		*current = *next
		current.Revision = revision
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, seed := range file.Users {
		created, err := n.login.SeedUser(ctx, seed)
		if err != nil {
			return changes, err
		}
		change := tenant.Change{Kind: "user", Name: fmt.Sprint(seed.Profile["email"]), Action: tenant.ActionUnchanged}
		if created {
			change.Action = tenant.ActionCreate
		}
		changes = append(changes, change)
	}
	return changes, nil
}

// report prints what changed, and which sections of the file mean nothing to this version.
func report(io streams, file *tenant.File, changes []tenant.Change) error {
	for _, change := range changes {
		if change.Action == tenant.ActionUnchanged {
			continue
		}
		if _, err := fmt.Fprintln(io.out, change); err != nil {
			return err
		}
	}
	for _, section := range file.Ignored {
		if _, err := fmt.Fprintf(io.err, "section %q of %s is not supported yet and was left out\n", section, file.Name); err != nil {
			return err
		}
	}
	return nil
}
