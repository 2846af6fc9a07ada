// Package nodes holds several nodes of the product to what an operator is promised who runs them on one PostgreSQL and one
// Redis: a person's requests may reach any node, a node that is killed or drained costs nobody anything that was
// acknowledged, a change made through one node holds on the others, and an outage of a store is answered quickly, in the
// dialect of whoever asked, and ends without a restart.
//
// A pair of `latchkey serve` processes stands behind a small load balancer, whose address is the issuer and which sends every
// request to the other node than the one before. Fault proxies stand between the nodes and their stores.
package nodes
