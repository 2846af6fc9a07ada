// Developers' tools, apart from the product's modules: `go tool -modfile=tools/go.mod gofumpt -l .`
module github.com/latchkey-id/latchkey

go 1.26.0

tool mvdan.cc/gofumpt

require mvdan.cc/gofumpt v0.12.0

require (
	golang.org/x/mod v0.40.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
	golang.org/x/tools v0.49.0 // indirect
)
