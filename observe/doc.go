// Package observe is what operators watch a running server by: figures for Prometheus, and traces for OpenTelemetry where
// somebody asked for them.
//
//	request ──► web.Edge ──► Metrics, Tracer (as its observers)
//	             └─► a surface ──► a store of Calls ──► the driver's store
//	                           └─► Tracer.Transport ──► an identity provider
//
// [Metrics] holds all figures and answers scrapes. [Calls] puts itself around the stores: it times every call, says what
// became of it, and logs what went wrong under the request's id. [Tracer] makes spans of the same events.
//
// Labels and attributes have few values, all of them chosen by this program: patterns of routes, names of methods, outcomes.
// Nothing that a person or a client sent gets into them, so that neither the number of series nor the privacy of people
// depends on who asks.
package observe
