package main

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/tenant"
	"github.com/latchkey-id/latchkey/tokens"
)

// keysCommands are `latchkey keys …`.
type keysCommands struct {
	Rotate keysRotate `cmd:"" help:"Let the next signing key take over."`
}

// keysRotate is `latchkey keys rotate`.
type keysRotate struct {
	configFlags
	Grace time.Duration `help:"How long tokens signed by the old key stay valid." default:"168h"`
}

// Help is shown by --help.
func (keysRotate) Help() string {
	return "Example: latchkey keys rotate --grace 48h\n\nRunning servers take the new key within seconds. Applications have seen it in the key set before."
}

// Run rotates the signing keys.
func (cmd *keysRotate) Run(ctx context.Context, io streams) error {
	c, err := cmd.load(config.Serve, nil)
	if err != nil {
		return err
	}
	sealing, err := ring(c)
	if err != nil {
		return err
	}
	kept, err := open(ctx, c, sealing, time.Now, newLogger(c, io.err))
	if err != nil {
		return err
	}
	keys := tokens.NewKeyring(kept.keys, time.Now)
	kid, err := "", keys.Load(ctx)
	if err == nil {
		kid, err = keys.Rotate(ctx, cmd.Grace)
	}
	if err := errors.Join(err, kept.close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(io.out, "signing with", kid)
	return err
}

// migrateCommand is `latchkey migrate`.
type migrateCommand struct{ configFlags }

// Help is shown by --help.
func (migrateCommand) Help() string { return "Example: latchkey migrate --config /etc/latchkey.yml" }

// Run brings the database to the newest schema.
func (cmd *migrateCommand) Run(ctx context.Context, io streams) error {
	c, err := cmd.load(config.Serve, map[string]string{"migrate": "auto"})
	if err != nil {
		return err
	}
	sealing, err := ring(c)
	if err != nil {
		return err
	}
	kept, err := open(ctx, c, sealing, time.Now, newLogger(c, io.err))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(io.out, "the database has the newest schema")
	return errors.Join(err, kept.close())
}

// restoredCommand is `latchkey restored`.
type restoredCommand struct{ configFlags }

// Help is shown by --help.
func (restoredCommand) Help() string {
	return "Example: latchkey restored --config /etc/latchkey.yml\n\nA restored backup brings back what was revoked after it was made. This ends all of it: people log in again, running servers follow within a second. People who were deleted since are there again and have to be deleted again."
}

// Run ends what was handed out until now.
func (cmd *restoredCommand) Run(ctx context.Context, io streams) error {
	c, err := cmd.load(config.Serve, nil)
	if err != nil {
		return err
	}
	sealing, err := ring(c)
	if err != nil {
		return err
	}
	kept, err := open(ctx, c, sealing, time.Now, newLogger(c, io.err))
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	_, err = kept.config.Update(ctx, func(t *tenant.Config) error { t.Settings.NotBefore = now; return nil })
	if err := errors.Join(err, kept.close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(io.out, "ended: everything handed out before", now.Format(time.RFC3339))
	return err
}

// checkCommand is `latchkey check-config`.
type checkCommand struct{ configFlags }

// Help is shown by --help.
func (checkCommand) Help() string { return "Example: latchkey check-config --config /etc/latchkey.yml" }

// Run checks the configuration as `serve` would.
func (cmd *checkCommand) Run(io streams) error {
	if _, err := cmd.load(config.Serve, nil); err != nil {
		return err
	}
	_, err := fmt.Fprintln(io.out, "the configuration is fine")
	return err
}

// versionCommand is `latchkey version`.
type versionCommand struct{}

// Help is shown by --help.
func (versionCommand) Help() string { return "Example: latchkey version" }

// Run prints the version.
func (versionCommand) Run(io streams) error {
	_, err := fmt.Fprintln(io.out, "latchkey", version())
	return err
}

// version is the module's, as the Go toolchain recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "devel"
	}
	return info.Main.Version
}
