package observe

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Queue is how busy the hashing of passwords is.
type Queue struct {
	Running, Slots int   // passwords in work, and how many can be
	Waiting, Queue int   // passwords that wait, and how many may
	Refused        int64 // passwords that were turned away since the start
}

// Pool is how busy the connections to a database are.
type Pool struct {
	Max, Open, Used int           // connections: allowed (0: not known), open, at work
	Waits           int64         // calls that found no connection free, since the start
	Waited          time.Duration // what those waited altogether
	Refused         int64         // calls that ended without getting one
}

// Passwords adds the figures of password hashing, read at every scrape.
func (m *Metrics) Passwords(read func() Queue) {
	const name = "latchkey_passwords_"
	m.registry.MustRegister(&figures[Queue]{read: read, rows: []figure[Queue]{
		{gauge(name+"running", "Passwords that are being hashed."), func(q Queue) float64 { return float64(q.Running) }},
		{gauge(name+"running_max", "Passwords that are hashed at the same time at most."), func(q Queue) float64 { return float64(q.Slots) }},
		{gauge(name+"waiting", "Passwords that wait to be hashed."), func(q Queue) float64 { return float64(q.Waiting) }},
		{gauge(name+"waiting_max", "Passwords that wait at most; more are turned away."), func(q Queue) float64 { return float64(q.Queue) }},
		{counter(name+"refused_total", "Passwords that were turned away."), func(q Queue) float64 { return float64(q.Refused) }},
	}})
}

// Pool adds the figures of a connection pool, read at every scrape. Every pool has a name of its own.
func (m *Metrics) Pool(pool string, read func() Pool) {
	const name = "latchkey_pool_"
	label := prometheus.Labels{"pool": pool}
	state := func(state string) prometheus.Labels { return prometheus.Labels{"pool": pool, "state": state} }
	const connections = "Connections to the database."
	rows := []figure[Pool]{
		{gaugeOf(name+"connections", connections, state("used")), func(p Pool) float64 { return float64(p.Used) }},
		{gaugeOf(name+"connections", connections, state("idle")), func(p Pool) float64 { return float64(max(p.Open-p.Used, 0)) }},
		{counterOf(name+"waits_total", "Calls that found no connection free.", label), func(p Pool) float64 { return float64(p.Waits) }},
		{counterOf(name+"wait_seconds_total", "Time that calls waited for a connection.", label), func(p Pool) float64 { return p.Waited.Seconds() }},
		{counterOf(name+"refused_total", "Calls that ended without getting a connection.", label), func(p Pool) float64 { return float64(p.Refused) }},
	}
	if read().Max > 0 {
		rows = append(rows, figure[Pool]{
			gaugeOf(name+"connections_max", "Connections that are open at most.", label), func(p Pool) float64 { return float64(p.Max) },
		})
	}
	m.registry.MustRegister(&figures[Pool]{read: read, rows: rows})
}

// series is what a figure is called.
type series struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func gauge(name, help string) series   { return gaugeOf(name, help, nil) }
func counter(name, help string) series { return counterOf(name, help, nil) }

func gaugeOf(name, help string, labels prometheus.Labels) series {
	return series{prometheus.NewDesc(name, help, nil, labels), prometheus.GaugeValue}
}

func counterOf(name, help string, labels prometheus.Labels) series {
	return series{prometheus.NewDesc(name, help, nil, labels), prometheus.CounterValue}
}

type figure[T any] struct {
	series series
	value  func(T) float64
}

// figures are read together, once a scrape, so that they fit each other.
type figures[T any] struct {
	read func() T
	rows []figure[T]
}

// Describe implements [prometheus.Collector].
func (f *figures[T]) Describe(out chan<- *prometheus.Desc) {
	for _, row := range f.rows {
		out <- row.series.desc
	}
}

// Collect implements [prometheus.Collector].
func (f *figures[T]) Collect(out chan<- prometheus.Metric) {
	present := f.read()
	for _, row := range f.rows {
		out <- prometheus.MustNewConstMetric(row.series.desc, row.series.kind, row.value(present))
	}
}
