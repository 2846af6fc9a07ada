// Package audit keeps the tenant log: what happened, in Auth0's vocabulary of event codes, for the operator.
//
// Whoever completes or refuses something calls [Log.Record]. Events are written in batches by one goroutine, so that a
// log-in doesn't wait for its log line; [Log.Close] writes what is left. A full queue makes callers wait for a
// moment; what finds no place then is lost, and said so. The package imports nothing of ours; drivers implement [Store].
package audit
