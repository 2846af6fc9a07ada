// Package redis keeps short-lived items (sessions.Ephemeral: log-ins on their way, browser sessions, codes) in Redis or
// Valkey, so that several nodes share them: one server, a pair behind Sentinel, or a Cluster. Grants and everything else
// that must outlast an eviction are in the database; losing all of Redis costs people a new log-in and nothing else.
//
//	Open ── DB ── Tenant("main") ── Ephemeral   sessions.Ephemeral
//
// # Keys
//
//	lk:{<tenant>:<key>}:<kind>                    hash   an item: owner, epoch, value, end, inserter, taker
//	lk:{<tenant>:owner:<owner>}:<kind>:epoch      string the epoch of the owner's items
//	lk:{<tenant>:owner:<owner>}:<kind>:items      zset   where the owner's items are, by their end
//
// The braces are the hash tag: a Cluster spreads items by their own key and keeps the two keys of an owner together. Each
// change is one Lua script over keys of one tag, so each is atomic and none crosses slots. Owners are named by SHA-256:
// user ids are of any form, and a listing of keys tells nothing about people.
//
// # Removing what somebody owns
//
// An owner's items are spread over the Cluster, and others are stored while [sessions.Ephemeral.DeleteOwned] runs. No
// script could reach them all. So an item with an owner carries the owner's epoch, 128 random bits, and exists for callers
// only as long as that epoch is the owner's:
//
//   - Insert first enrolls: in one script it reads the epoch, or makes one where there is none, and enters the item in the
//     index. Then it stores the item, with that epoch.
//   - Replace reads the epoch and enters the new end in the index, and is ErrNotFound where there is no epoch. Then it
//     changes the item where that still carries the epoch, and never the epoch of the item.
//   - Get and Take read the item first and the epoch second. Another epoch, or none, is ErrNotFound.
//   - DeleteOwned deletes the epoch and reads the index in one script. At that moment all items of the owner are gone,
//     wherever they are; also one that is enrolled but not stored yet, which will be born dead. What follows is cleaning:
//     the items of the index are deleted one by one where they still carry the epoch they were entered with, then their
//     entries. It can stop anywhere and be done again by the next call, or by expiry.
//
// A read that began after DeleteOwned returned finds the epoch deleted, since the epoch is read last. An epoch never comes
// back, since it is random. If the epoch is lost (evicted, flushed) the owner's items are lost with it: the fault falls to
// the safe side. The index frees memory and personal data early; nothing is believed because of it. One call cleans up to
// 10,000 items; what is left then is invisible and ends by expiry. An item is entered before it is stored, so that none is
// missing; entries of ended items are removed at the next enrolment.
//
// # Time
//
// An item ends by the clock that was handed in, which may be moved: its end is stored in it, and every read compares. The
// expiry of the Redis key only frees memory. It is the time left by that clock when the item was stored, plus a grace in
// which nodes' clocks may differ.
//
// # Answers that get lost
//
// A connection may break between a change and its answer, and a question is then sent once more, in a Cluster also to
// where it is redirected. Take and Insert therefore carry a random token that is stored by whoever comes first: the
// repetition finds its own token and gets the first answer. Replace, Delete and DeleteOwned do the same twice; a Replace
// whose repetition finds nothing was followed by a Take or a deletion, and ErrNotFound tells so. What still fails is an
// error, [ErrUnavailable] where another try may help. A Take that ends so may have taken the item: nobody gets it.
//
// # What to ask of the servers
//
// Redis 7.0 or newer. maxmemory-policy should be noeviction: a full server then refuses new log-ins (ErrUnavailable) and
// keeps those there are. A policy that evicts logs people out, and forgets which client assertions were used within their
// lifetime. Replication to replicas is asynchronous, so a failover can lose the last moment: then a code can be taken
// twice, which the grant in the database notices, and a session deleted in that moment may be there again unless the
// epoch or the item was deleted on another server as well. min-replicas-to-write 1 keeps that moment short.
package redis
