# Developers' commands. Product modules are in go.mod, developers' tools in tools/go.mod.
.PHONY: test build lint format bench docs

GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0

# Everything that must hold before a commit. The browser tests run where e2e/ has a package.json.
test:
	go test -race -shuffle=on ./...
	@if [ -f e2e/package.json ]; then npm --prefix e2e ci && npm --prefix e2e test; else echo "no browser tests in e2e/"; fi

# One static binary, ./latchkey.
build:
	CGO_ENABLED=0 go build -trimpath -o latchkey ./cmd/latchkey

# Formatting and go vet (seconds), then golangci-lint where it is installed (building it takes minutes):
#   go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
lint: format
	go vet ./...
	@if command -v golangci-lint >/dev/null; then golangci-lint run -c tools/golangci.yml ./...; \
	else echo "golangci-lint is not installed: go install $(GOLANGCI_LINT)"; fi

# Lists files that gofumpt would change, and fails if there are any.
format:
	@unformatted="$$(go tool -modfile=tools/go.mod gofumpt -l .)" || exit 1; \
	if [ -n "$$unformatted" ]; then echo "not formatted (run: go tool -modfile=tools/go.mod gofumpt -w .):"; echo "$$unformatted"; exit 1; fi

bench:
	go test -run '^$$' -bench . -benchmem ./...

# Writes the pages that are made from code.
docs:
	go run ./config/gen
