package tenant

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Cache holds the newest known Config of a Store. Reading takes no lock; it never goes back to an older revision.
type Cache struct {
	store   Store
	current atomic.Pointer[Config]
	// loading makes callers of Refresh that come at once share one load after the other instead of loading in parallel.
	loading sync.Mutex
}

// NewCache loads the configuration for the first time.
func NewCache(ctx context.Context, store Store) (*Cache, error) {
	config, err := store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("loading the tenant's configuration: %w", err)
	}
	c := &Cache{store: store}
	c.advance(config)
	return c, nil
}

// Current returns the configuration to use for one request. Nobody may change it.
func (c *Cache) Current() *Config { return c.current.Load() }

// Refresh loads the configuration if the store has a newer revision. On an error the present one stays.
func (c *Cache) Refresh(ctx context.Context) error {
	c.loading.Lock()
	defer c.loading.Unlock()
	revision, err := c.store.Revision(ctx)
	if err != nil {
		return fmt.Errorf("asking for the revision of the tenant's configuration: %w", err)
	}
	if revision <= c.Current().Revision {
		return nil
	}
	config, err := c.store.Load(ctx)
	if err != nil {
		return fmt.Errorf("loading the tenant's configuration: %w", err)
	}
	c.advance(config)
	return nil
}

// Update changes the stored configuration (see [Store]) and shows the result to all readers before it returns it. The
// returned Config is the one that this change made, even where a later one is current already. Errors of change come back
// as they are.
func (c *Cache) Update(ctx context.Context, change func(*Config) error) (*Config, error) {
	config, err := c.store.Update(ctx, change)
	if err != nil {
		return nil, err
	}
	c.advance(config)
	return config, nil
}

// Run refreshes until ctx ends: the fallback for changes by other processes that no notification announced. onError hears
// of refreshes that did not work; the next tick tries again.
func (c *Cache) Run(ctx context.Context, every time.Duration, onError func(error)) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := c.Refresh(ctx); err != nil && ctx.Err() == nil {
				onError(err)
			}
		}
	}
}

// advance shows config unless something as new is already shown.
func (c *Cache) advance(config *Config) {
	for {
		shown := c.current.Load()
		if shown != nil && shown.Revision >= config.Revision {
			return
		}
		if c.current.CompareAndSwap(shown, config) {
			return
		}
	}
}
