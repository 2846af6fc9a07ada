package tenant

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// Noun names a document of a configuration. ID is empty for the settings, of which there are one.
type Noun struct{ Kind, ID string }

// Documents are the nouns of one configuration as JSON: what drivers keep, sealed and a row each.
type Documents map[Noun][]byte

// The kinds of documents.
const (
	kindSettings       = "settings"
	kindClient         = "client"
	kindConnection     = "connection"
	kindResourceServer = "resource_server"
	kindClientGrant    = "client_grant"
	kindRole           = "role"
)

// Config reads the documents back: a configuration of this revision, indexed.
func (d Documents) Config(revision int64) (*Config, error) {
	cfg := &Config{
		Revision: revision, Clients: map[string]*Client{}, Connections: map[string]*Connection{},
		ResourceServers: map[string]*ResourceServer{}, ClientGrants: map[string]*ClientGrant{},
		Roles: map[string]*Role{},
	}
	for n, doc := range d {
		var err error
		switch n.Kind {
		case kindSettings:
			err = exactly(doc, &cfg.Settings)
		case kindClient:
			err = decodeInto(cfg.Clients, n.ID, doc)
		case kindConnection:
			err = decodeInto(cfg.Connections, n.ID, doc)
		case kindResourceServer:
			err = decodeInto(cfg.ResourceServers, n.ID, doc)
		case kindClientGrant:
			err = decodeInto(cfg.ClientGrants, n.ID, doc)
		case kindRole:
			err = decodeInto(cfg.Roles, n.ID, doc)
		default:
			err = errors.New("unknown kind")
		}
		if err != nil {
			return nil, fmt.Errorf("stored configuration of %s %s: %w", n.Kind, n.ID, err)
		}
	}
	cfg.Index()
	return cfg, nil
}

func decodeInto[T any](all map[string]*T, id string, doc []byte) error {
	v := new(T)
	all[id] = v
	return exactly(doc, v)
}

// Documents is [Documents.Config] turned round. Equal nouns have equal bytes, because encoding/json sorts the keys of maps.
// Settings that nobody set make no document. A noun under another id than its own is an error.
func (c *Config) Documents() (Documents, error) {
	d := Documents{}
	settings, err := json.Marshal(c.Settings)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	unset, err := json.Marshal(Settings{})
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(settings, unset) {
		d[Noun{Kind: kindSettings}] = settings
	}
	err = errors.Join(
		encodeInto(d, kindClient, c.Clients, func(v *Client) string { return v.ID }),
		encodeInto(d, kindConnection, c.Connections, func(v *Connection) string { return v.ID }),
		encodeInto(d, kindResourceServer, c.ResourceServers, func(v *ResourceServer) string { return v.ID }),
		encodeInto(d, kindClientGrant, c.ClientGrants, func(v *ClientGrant) string { return v.ID }),
		encodeInto(d, kindRole, c.Roles, func(v *Role) string { return v.ID }),
	)
	return d, err
}

func encodeInto[T any](d Documents, kind string, all map[string]*T, idOf func(*T) string) error {
	for id, v := range all {
		if v == nil || id == "" || idOf(v) != id {
			return fmt.Errorf("%s %q is stored under an id that isn't its own", kind, id)
		}
		doc, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("%s %s: %w", kind, id, err)
		}
		d[Noun{kind, id}] = doc
	}
	return nil
}

// exactly decodes and keeps numbers as they are written.
func exactly(doc []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	return d.Decode(into)
}
