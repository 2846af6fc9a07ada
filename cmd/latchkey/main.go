// Command latchkey is a self-hosted login broker that speaks Auth0's API.
//
// main.go names the commands, serve.go constructs everything a running server consists of, the other files are one command
// each.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/latchkey-id/latchkey/config"
	"github.com/latchkey-id/latchkey/tenant"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// commands is the command line.
type commands struct {
	Serve       serveCommand    `cmd:"" help:"Run the production server."`
	Dev         devCommand      `cmd:"" help:"Run everything on this machine, with nothing to install: demo tenant, simulated identity providers, inbox, demo app."`
	Tenant      tenantCommands  `cmd:"" help:"Bring a tenant file into the database."`
	Normalize   normalizeCmd    `cmd:"" help:"Show the profile that a first log-in would store."`
	Keys        keysCommands    `cmd:"" help:"Signing keys."`
	Restored    restoredCommand `cmd:"" help:"After restoring a backup: end every session, grant and refresh token that was made before."`
	Migrate     migrateCommand  `cmd:"" help:"Bring the database to the newest schema."`
	CheckConfig checkCommand    `cmd:"" help:"Check the configuration and say everything that is wrong with it."`
	Version     versionCommand  `cmd:"" help:"Print the version."`
}

// configFlags are shared by all commands that need the configuration.
type configFlags struct {
	Config string            `help:"Configuration file (YAML)." placeholder:"FILE" type:"path"`
	Set    map[string]string `help:"Set a configuration key, such as --set log.level=debug. Goes before environment and file." placeholder:"KEY=VALUE" mapsep:"none"`
}

// load reads the configuration. Flags given by their own name win over --set.
func (f configFlags) load(mode config.Mode, flags map[string]string) (*config.Config, error) {
	all := map[string]string{}
	for key, value := range f.Set {
		all[key] = value
	}
	for key, value := range flags {
		if value != "" {
			all[key] = value
		}
	}
	return config.Load(config.Sources{File: f.Config, Env: os.Environ(), Flags: all, Mode: mode})
}

// streams are where a command writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], streams{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// run parses the command line and runs the command it names.
func run(ctx context.Context, args []string, io streams) int {
	var cli commands
	ended := -1
	parser, err := kong.New(&cli, kong.Name("latchkey"), kong.UsageOnError(),
		kong.Description("Latchkey: a self-hosted login broker with profile normalization that speaks Auth0's API."),
		kong.Writers(io.out, io.err), kong.Exit(func(code int) { ended = code }),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(io))
	if err != nil {
		fmt.Fprintln(io.err, "latchkey:", err)
		return exitFailed
	}
	command, err := parser.Parse(args)
	if ended >= 0 {
		return ended
	}
	if err != nil {
		fmt.Fprintf(io.err, "latchkey: %v\nSee latchkey --help.\n", err)
		return exitUsage
	}
	if err := command.Run(); err != nil {
		fmt.Fprintln(io.err, message(err))
		return exitFailed
	}
	return exitDone
}

// message words an error for the terminal. Lists of problems speak for themselves, a line each.
func message(err error) string {
	var problems config.Problems
	var file *tenant.FileError
	if errors.As(err, &problems) || errors.As(err, &file) {
		return err.Error()
	}
	return "latchkey: " + err.Error()
}
