package mgmtapi

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/latchkey-id/latchkey/connectors"
	"github.com/latchkey-id/latchkey/normalize"
	"github.com/latchkey-id/latchkey/profilestore"
	"github.com/latchkey-id/latchkey/tenant"
)

// updateConnection answers PATCH /connections/{id} (Auth0: Update a connection). What the body names is replaced, options as
// a whole. Name and strategy can't change.
func (s *Surface) updateConnection(c *call) error {
	body, err := c.body()
	if err != nil {
		return err
	}
	change, err := readConnectionChange(body)
	if err != nil {
		return err
	}
	id := c.ids["id"]
	config, err := s.Tenant.Update(c.r.Context(), func(config *tenant.Config) error {
		conn := config.Connections[id]
		if conn == nil {
			return noConnection()
		}
		before := conn.Options
		for _, set := range change {
			set(conn)
		}
		if err := checkSync(conn, before); err != nil {
			return err
		}
		return s.checkConnection(config, conn, body)
	})
	if err != nil {
		return err
	}
	conn := config.Connections[id]
	if conn == nil {
		return noConnection()
	}
	return c.answer(http.StatusOK, renderConnection(conn))
}

// setter makes one change of a connection.
type setter func(*tenant.Connection)

// readConnectionChange checks the types of a body and returns what it changes.
func readConnectionChange(body map[string]any) ([]setter, error) {
	err := closed(body, []string{
		"display_name", "options", "enabled_clients", "is_domain_connection", "show_as_button", "realms", "metadata",
		"authentication", "connected_accounts",
	})
	if err != nil {
		return nil, err
	}
	var change []setter
	for _, read := range []func(map[string]any) (setter, error){
		readDisplay, readOptions, readClients, readDomain, readButton, readRealms, readMetadata, readActive, readAccounts,
	} {
		set, err := read(body)
		if err != nil {
			return nil, err
		}
		if set != nil {
			change = append(change, set)
		}
	}
	return change, nil
}

func readDisplay(body map[string]any) (setter, error) {
	name, given, err := property[string](body, "display_name", "string")
	if !given || err != nil {
		return nil, err
	}
	return func(conn *tenant.Connection) { conn.DisplayName = name }, nil
}

func readOptions(body map[string]any) (setter, error) {
	options, given, err := property[map[string]any](body, "options", "object")
	if !given || err != nil {
		return nil, err
	}
	return func(conn *tenant.Connection) { conn.Options = options }, nil
}

// readClients takes null for no clients, as Auth0 does.
func readClients(body map[string]any) (setter, error) {
	if v, given := body["enabled_clients"]; given && v == nil {
		return func(conn *tenant.Connection) { conn.EnabledClients = []string{} }, nil
	}
	list, given, err := textList(body, "enabled_clients")
	if !given || err != nil {
		return nil, err
	}
	return func(conn *tenant.Connection) { conn.EnabledClients = list }, nil
}

func readDomain(body map[string]any) (setter, error) {
	on, given, err := property[bool](body, "is_domain_connection", "boolean")
	if !given || err != nil {
		return nil, err
	}
	return func(conn *tenant.Connection) { conn.IsDomainConnection = on }, nil
}

func readButton(body map[string]any) (setter, error) {
	on, given, err := property[bool](body, "show_as_button", "boolean")
	if !given || err != nil {
		return nil, err
	}
	return func(conn *tenant.Connection) { conn.ShowAsButton = &on }, nil
}

func readRealms(body map[string]any) (setter, error) {
	list, given, err := textList(body, "realms")
	if !given || err != nil {
		return nil, err
	}
	return func(conn *tenant.Connection) { conn.Realms = list }, nil
}

func readMetadata(body map[string]any) (setter, error) {
	values, given, err := texts(body, "metadata")
	if !given || err != nil {
		return nil, err
	}
	return func(conn *tenant.Connection) { conn.Metadata = values }, nil
}

func readActive(body map[string]any) (setter, error) {
	object, given, err := property[map[string]any](body, "authentication", "object")
	if !given || err != nil {
		return nil, err
	}
	active, ok := object["active"].(bool)
	if !ok || len(object) > 1 {
		return nil, badProperty("authentication", "", "Expected an object with active: true or false")
	}
	return func(conn *tenant.Connection) { conn.Disabled = !active }, nil
}

// readAccounts keeps a switch that nothing acts on yet, so that tools find it as they left it.
func readAccounts(body map[string]any) (setter, error) {
	object, given, err := property[map[string]any](body, "connected_accounts", "object")
	if !given || err != nil {
		return nil, err
	}
	for key, v := range object {
		if _, ok := v.(bool); !ok || key != "active" && key != "cross_app_access" {
			return nil, badProperty("connected_accounts", "", "Expected an object with active: true or false")
		}
	}
	return func(conn *tenant.Connection) {
		if conn.Rest == nil {
			conn.Rest = map[string]any{}
		}
		conn.Rest["connected_accounts"] = object
	}, nil
}

// checkConnection holds the changed connection against everything that could break it: the tenant's own rules, the other
// nouns that it names, and its connector.
func (s *Surface) checkConnection(config *tenant.Config, conn *tenant.Connection, body map[string]any) error {
	if problems := tenant.CheckConnection(conn, nil); len(problems) > 0 {
		return badProperty(problems[0].Path, "", problems[0].Message)
	}
	if _, given := body["enabled_clients"]; given {
		for i, id := range conn.EnabledClients {
			if config.Clients[id] == nil {
				return badProperty(fmt.Sprintf("enabled_clients[%d]", i), "", "The client does not exist")
			}
		}
	}
	if _, given := body["realms"]; given {
		if err := checkRealms(config, conn); err != nil {
			return err
		}
	}
	if _, given := body["options"]; !given {
		return nil
	}
	return s.checkOptions(conn)
}

// checkSync refuses the sync switch where nothing is synced: our own stores are their people's only home. A switch that came
// with a tenant file may stay, since tools send back what they read.
func checkSync(conn *tenant.Connection, before map[string]any) error {
	const option = "set_user_root_attributes"
	_, given := conn.Options[option]
	mode, _ := conn.Options[option].(string)
	old, _ := before[option].(string)
	if !given || mode == old && mode != "" || !connectionKeeps(conn) {
		return nil
	}
	return badRequest("options.set_user_root_attributes can be set only for enterprise connections, social connections or custom "+
		"database connections (using external users store)", codeInvalidBody)
}

func connectionKeeps(conn *tenant.Connection) bool {
	return profilestore.ConnectionOf(normalize.Connection{Name: conn.Name, Strategy: conn.Strategy, Options: conn.Options}).Keeps()
}

func checkRealms(config *tenant.Config, conn *tenant.Connection) error {
	for _, other := range config.Connections {
		if other.ID == conn.ID {
			continue
		}
		for _, realm := range conn.Realms {
			if realm == other.Name || slices.Contains(other.Realms, realm) {
				return newError(http.StatusConflict, `There is already another connection with some realms from "realms" parameter`, "")
			}
		}
	}
	return nil
}

func (s *Surface) checkOptions(conn *tenant.Connection) error {
	if conn.Strategy == tenant.StrategyDatabase {
		if err := checkDatabaseOptions(conn.Options); err != nil {
			return err
		}
		if problems := conn.CheckSignupFields(); len(problems) > 0 {
			return badProperty("options", "", problems[0].Error())
		}
	}
	_, err := s.Connectors.Get(conn)
	if err != nil && !errors.Is(err, connectors.ErrStrategy) {
		return badProperty("options", "", err.Error())
	}
	return nil
}

// checkDatabaseOptions refuses what contradicts itself (Auth0: Flexible Identifiers and Attributes).
func checkDatabaseOptions(options map[string]any) error {
	attributes, given := options["attributes"]
	if !given {
		return nil
	}
	for _, other := range []string{"requires_username", "validation"} {
		if _, both := options[other]; both {
			return badRequest("Cannot set both options.attributes and options."+other, codeInvalidBody)
		}
	}
	object, ok := attributes.(map[string]any)
	if !ok {
		return badProperty("options.attributes", "", "Expected type object")
	}
	for _, name := range []string{"email", "phone_number", "username"} {
		attribute, _ := object[name].(map[string]any)
		identifier, _ := attribute["identifier"].(map[string]any)
		if identifier["active"] == true {
			return nil
		}
	}
	return badRequest("attributes must contain one active identifier", codeInvalidBody)
}
