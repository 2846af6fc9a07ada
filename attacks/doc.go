// Package attacks holds the product to what must never happen. Each test is one attack or fault over HTTP against the
// running product, and says the outcome that is safe; its number (TestA01…, TestB20…, TestC31…, TestE61…) is that of a line
// in the project's list of attacks: A redirect URIs and authorize requests, B codes and PKCE, C identity providers, E
// sessions, cookies and browsers, M many at once, crashes and dependencies that fail (m_world_test.go). Tests without a number hold whole surfaces to their contract: bad input everywhere,
// refresh tokens, password grants, sign-up, userinfo, consent, answers to apps.
//
// After each case the same invariants hold: nothing answered 5xx, the process is alive, the log has no secret, and an
// untouched person's userinfo is what it was (see bench). Where a dependency fails 503 is an honest answer, and 500 is not
// (see site).
package attacks
