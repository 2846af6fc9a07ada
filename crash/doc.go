// Package crash holds the running product to what must survive: a process that is killed between any two hops of a log-in or
// while it works on one, many requests for one thing at the same moment, a restart, and an orderly end.
//
//	kill_test.go         the kill moments and how each is told in the end
//	kill_login_test.go   log-in through a provider, by password and by sign-up, with a kill at every hop
//	kill_refresh_test.go refresh tokens, with a kill at every use
//	races_test.go        many at once for one person, one code, one refresh token, one address
//	restart_test.go      what a restart keeps
//	drain_test.go        what an orderly end finishes
//
// A person whose process died may go on where they were or is told to begin again, with a way to. After each kill the books
// are opened: the live refresh tokens in the database are those that apps hold, no code gives tokens twice, and nobody is
// stored twice.
package crash
