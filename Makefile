# All commands for work on Beachhead. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# tools/go.mod pins the version of the Pulumi command line. The Automation API refuses a command line without a version, which the linker sets.
PULUMI_VERSION := $(shell awk '$$1 == "github.com/pulumi/pulumi/pkg/v3" {print $$2}' tools/go.mod)
PULUMI_LDFLAGS := -s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)
REGION ?= us-west-1 us-east-2
# Flags of `go test`: TESTFLAGS for the tests of packages, E2EFLAGS for tests/e2e. For example: make test TESTFLAGS='-race -shuffle=on'
# The race detector needs a C compiler.
TESTFLAGS ?=
E2EFLAGS ?=

.PHONY: help
help: ## list the commands
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: drill
drill: build agent tools ## bring whole regions up in the emulated cloud, verify, report, take them down (REGION="us-west-1 us-east-2")
	for region in $(REGION); do bin/beachhead drill $$region || exit; done

.PHONY: test test-unit test-e2e
test: test-unit test-e2e ## run all tests

test-unit: agent tools ## run the tests of the packages, without the end-to-end tests (TESTFLAGS)
	go test -timeout 30m $(TESTFLAGS) $$(go list ./... | grep -v '/tests/e2e$$')

test-e2e: agent tools ## run the program through the real Pulumi engine on emulated clouds (E2EFLAGS)
	go test -timeout 60m $(E2EFLAGS) ./tests/e2e

.PHONY: conformance providers
conformance: providers agent tools ## compare the emulated cloud with the real providers (about 12 minutes; says which tools are missing)
	go test -tags conformance -count 1 -timeout 30m -parallel 4 -v ./tests/conformance

providers:
	@scripts/providers

.PHONY: test-machines machines
test-machines: machines agent ## boot machines in QEMU with a plan's user data and test the agent on them (16 minutes without KVM)
	go test -tags machines -count 1 -timeout 40m -p 1 -parallel 2 -v ./tests/machines/...

machines:
	@scripts/machines

.PHONY: build
build: ## build bin/beachhead
	go build -trimpath -ldflags "-s -w" -o bin/beachhead .

# The build leaves out the commit. The same code then gives the same bytes, and launch templates change only when the agent does. It leaves out
# inlining, which makes the agent 6 % smaller; the processor limits nothing that the agent does. tests/house limits it to 10,000,000 bytes.
.PHONY: agent
agent: ## build the node agent for both architectures, bin/beachhead-node-linux-{amd64,arm64}
	for arch in amd64 arm64; do \
	  CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -buildvcs=false -gcflags=all=-l -ldflags "-s -w" -o bin/beachhead-node-linux-$$arch ./cmd/beachhead-node || exit 1; \
	done

.PHONY: tools
tools: ## build bin/pulumi, unless a new enough pulumi exists (about four minutes, once)
	@scripts/ensure-pulumi $(PULUMI_VERSION) "$(PULUMI_LDFLAGS)"

.PHONY: generate
generate: ## generate regions/schema.json, docs/region-file.md and the table of permissions from the Go code
	go generate ./...

.PHONY: golden
golden: ## rewrite the golden files; read the diff before you commit it
	-UPDATE_GOLDEN=1 go test ./internal/... ./stacks/... ./tests/house
	git diff --stat

.PHONY: lint
lint: ## run the static checks: vet, golangci-lint, actionlint, and shellcheck if it is installed
	scripts/lint

.PHONY: vulncheck
vulncheck: ## report known vulnerabilities in the code that we call; needs the database at vuln.go.dev
	@scripts/build-tool golang.org/x/vuln/cmd/govulncheck
	bin/govulncheck ./...

.PHONY: fuzz
fuzz: ## fuzz the region file loader for ten minutes
	go test -run '^$$' -fuzz FuzzParse -fuzztime 10m -fuzzminimizetime 20x ./internal/regionfile

.PHONY: bench
bench: build agent tools ## run the benchmarks; docs/performance.md explains the figures
	go test -run '^$$' -bench . -benchmem ./internal/regionfile/... ./internal/plan/... ./internal/ec2types ./internal/emulator/cloud ./tests/e2e

.PHONY: clean
clean: ## remove all builds and every emulated cloud
	rm -rf bin .beachhead
