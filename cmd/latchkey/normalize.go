package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/latchkey-id/latchkey/internal/ids"
	"github.com/latchkey-id/latchkey/internal/strictjson"
	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
)

// normalizeCmd is `latchkey normalize FILE`.
type normalizeCmd struct {
	File    string `arg:"" help:"File with {\"connection\":…,\"upstream\":…}, or - for standard input."`
	Explain bool   `help:"Print which upstream field each root attribute came from."`
}

// Help is shown by --help.
func (normalizeCmd) Help() string {
	return "Example: latchkey normalize --explain github.json\n\nThe file holds what an identity provider said: {\"connection\":{\"name\",\"strategy\",\"options\"},\"upstream\":{\"id_token_claims\",\"userinfo\",\"extra\",\"form_post\"}}."
}

const (
	maxLabInput = 4 << 20
	maxLabDepth = 64
)

// Run prints the profile that a first log-in would store.
func (cmd *normalizeCmd) Run(streams streams) error {
	document, err := cmd.read(streams.in)
	if err != nil {
		return err
	}
	in := labInput(document)
	// A person of our own connections gets an id when they are stored; the lab makes one up.
	for _, kind := range []string{"signup", "post_users", "passwordless"} {
		if given, ok := in.Extra[kind].(map[string]any); ok && given["_id"] == nil {
			given["_id"] = ids.Hex24()
		}
	}
	profile, err := normalize.Map(in)
	if err != nil {
		return err
	}
	user, err := profilestore.Merge(nil, profile, profilestore.MergeContext{Connection: profilestore.ConnectionOf(in.Connection), Now: time.Now()})
	if err != nil {
		return err
	}
	if cmd.Explain {
		return explain(streams.out, user, profile)
	}
	encoder := json.NewEncoder(streams.out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(profilestore.Render(user))
}

func (cmd *normalizeCmd) read(in io.Reader) (map[string]any, error) {
	if cmd.File != "-" {
		file, err := os.Open(cmd.File)
		if err != nil {
			return nil, err
		}
		// It was only read from: closing it loses nothing.
		defer func() { _ = file.Close() }()
		in = file
	}
	return strictjson.DecodeObject(in, maxLabInput, maxLabDepth)
}

func labInput(document map[string]any) normalize.Input {
	object := func(v any) map[string]any { m, _ := v.(map[string]any); return m }
	connection, upstream := object(document["connection"]), object(document["upstream"])
	text := func(key string) string { s, _ := connection[key].(string); return s }
	return normalize.Input{
		Connection: normalize.Connection{ID: text("id"), Name: text("name"), Strategy: text("strategy"), Options: object(connection["options"])},
		IDToken:    object(upstream["id_token_claims"]), Userinfo: upstream["userinfo"],
		Extra: object(upstream["extra"]), FormPost: object(upstream["form_post"]),
	}
}

// explain prints a line per root attribute: its value and where it came from.
func explain(out io.Writer, user *profilestore.User, profile normalize.Profile) error {
	for _, name := range slices.Sorted(maps.Keys(user.Root)) {
		origin := user.Provenance[name]
		from := string(origin.Source)
		if origin.Field != "" {
			from = origin.Field
		}
		value, err := json.Marshal(user.Root[name])
		if err != nil {
			value = []byte(fmt.Sprint(user.Root[name]))
		}
		if _, err := fmt.Fprintf(out, "%-20s %-40s <- %s\n", name, value, from); err != nil {
			return err
		}
	}
	for _, warning := range profile.Warnings {
		if _, err := fmt.Fprintln(out, "warning:", warning); err != nil {
			return err
		}
	}
	return nil
}
