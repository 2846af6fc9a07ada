package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/latchkey-id/latchkey/profilestore"
)

// checked is how many people are read back.
const checked = 500

// check reads people of all numbers through the store, in every way, and compares them with what they should be.
func (d *destination) check(ctx context.Context, o options) error {
	for range checked {
		n := o.from + rand.N(o.users)
		if err := d.checkPerson(ctx, n); err != nil {
			return fmt.Errorf("person %d is not as stored: %w", n, err)
		}
	}
	return nil
}

func (d *destination) checkPerson(ctx context.Context, n int) error {
	want, err := person(n)
	if err != nil {
		return err
	}
	got, err := d.users.Get(ctx, want.ID)
	if err := same(want, got, err); err != nil {
		return err
	}
	for _, identity := range want.Identities {
		got, err := d.users.ByIdentity(ctx, identity.Key())
		if err := same(want, got, err); err != nil {
			return err
		}
	}
	for _, login := range want.LoginIdentifiers() {
		got, err := d.users.ByLogin(ctx, login.Connection, login.Value)
		if err := same(want, got, err); err != nil {
			return err
		}
	}
	email, _ := want.Root["email"].(string)
	found, err := d.users.ByEmail(ctx, email)
	if err != nil || len(found) != 1 {
		return errors.Join(err, fmt.Errorf("%d people have the address %s", len(found), email))
	}
	return same(want, found[0], nil)
}

func same(want, got *profilestore.User, err error) error {
	if err != nil {
		return err
	}
	a, err := json.Marshal(want)
	if err != nil {
		return err
	}
	b, err := json.Marshal(got)
	if err == nil && !bytes.Equal(a, b) {
		err = fmt.Errorf("want %s, got %s", a, b)
	}
	return err
}
