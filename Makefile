# One command, the same at the desk and in CI.
GO ?= go
FUZZTIME ?= 180 # seconds, shared by all targets
ALL = ./... ./testdata/services # the second is not among the first: its folder is called testdata

.PHONY: check test format vet staticcheck race rules fuzz generate bench

check: format vet staticcheck race rules generated fuzz ## everything that gates

test:
	$(GO) test ./...

.PHONY: services services-stop
services: ## a real Kafka and Elasticsearch for the tests that skip without; prints what to export
	@testdata/services/start

services-stop:
	@testdata/services/stop

format:
	@bad=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$bad" ] || { echo "not formatted (run gofmt -w):"; echo "$$bad"; exit 1; }

vet:
	$(GO) vet $(ALL)

staticcheck:
	$(GO) tool staticcheck -checks 'all,-ST1000,-ST1003,-ST1020,-ST1021,-ST1022' $(ALL)

# Where goroutines are started or share something; what the other packages do, these run too.
RACED = ./cmd/... ./connectors/... ./engine ./engine/checkpoint ./engine/pipeline ./engine/rule ./engine/secret

race: ## also runs the command-line stories; long tables are cut by -short, the plain run has them whole
	$(GO) test -race -short -timeout 20m $(RACED)

rules: ## the shipped rules' own tests
	$(GO) run ./cmd/reflex rules check
	$(GO) run ./cmd/reflex rules test

generate:
	$(GO) generate ./...

.PHONY: generated
generated: generate ## generated files are unchanged
	@git diff --exit-code --stat -- . || { echo "generated files are stale: commit what 'make generate' wrote"; exit 1; }

fuzz: ## every fuzz target for its share of FUZZTIME
	GO="$(GO)" sh testdata/fuzz.sh $(FUZZTIME)

bench: ## the four hot paths, then whole processes: files against the yardstick, Kafka to alerts, append to acknowledged
	$(GO) test -run '^$$' -bench . -benchmem ./engine/...
	$(GO) run ./cmd/reflex-bench
	$(GO) run ./cmd/reflex-bench kafka
	$(GO) run ./cmd/reflex-bench latency
