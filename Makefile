# The index of everything that can be done here. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# The Pulumi command line that tools/go.mod pins. The linker flag is no decoration: without a version the Automation API refuses it.
PULUMI_VERSION := $(shell awk '$$1 == "github.com/pulumi/pulumi/pkg/v3" {print $$2}' tools/go.mod)
PULUMI_LDFLAGS := -s -w -X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=$(PULUMI_VERSION)
REGION ?= us-west-1 us-east-2

.PHONY: help
help: ## list what can be done
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: drill
drill: build agent tools ## stand whole regions up in the emulated cloud, verify, report, take them down (REGION="us-west-1 us-east-2")
	for region in $(REGION); do bin/beachhead drill $$region || exit; done

.PHONY: test
test: agent tools ## run all tests, those through the real engine too
	go test -timeout 60m ./...

.PHONY: conformance providers
conformance: providers agent tools ## compare the emulated cloud with the real providers, which it asks for (about 11 minutes)
	go test -tags conformance -count 1 -timeout 30m -parallel 4 -v ./tests/conformance

providers:
	@scripts/providers

.PHONY: test-machines machines
test-machines: machines agent ## boot machines in QEMU with the plan's user data and try the agent on them (16 minutes in software)
	go test -tags machines -count 1 -timeout 40m -parallel 2 -v ./tests/machines

machines:
	@scripts/machines

.PHONY: build
build: ## build bin/beachhead
	go build -trimpath -ldflags "-s -w" -o bin/beachhead .

# Without the commit in it, so that the same code is the same build, and machines' templates change only when the agent does. Without inlining
# it is 6 % smaller, and nothing that it does is bound by the processor; tests/house holds it to 10,000,000 bytes.
.PHONY: agent
agent: ## build the node agent for both kinds of machine, bin/beachhead-node-linux-{amd64,arm64}
	for arch in amd64 arm64; do \
	  CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -trimpath -buildvcs=false -gcflags=all=-l -ldflags "-s -w" -o bin/beachhead-node-linux-$$arch ./cmd/beachhead-node || exit 1; \
	done

.PHONY: tools
tools: ## build bin/pulumi, unless there is one (about four minutes, once)
	@scripts/ensure-pulumi $(PULUMI_VERSION) "$(PULUMI_LDFLAGS)"

.PHONY: generate
generate: ## write regions/schema.json and docs/region-file.md anew from the Go types
	go generate ./...

.PHONY: golden
golden: ## write golden files anew; read the diff before you commit it
	-UPDATE_GOLDEN=1 go test ./internal/... ./stacks/...
	git diff --stat

.PHONY: lint
lint: ## static checks: vet, golangci-lint, actionlint, shellcheck where there is one
	scripts/lint

.PHONY: fuzz
fuzz: ## fuzz the region file loader for ten minutes
	go test -run '^$$' -fuzz FuzzParse -fuzztime 10m -fuzzminimizetime 20x ./internal/regionfile

.PHONY: bench
bench: build agent tools ## measure; docs/performance.md has the figures and what they mean
	go test -run '^$$' -bench . -benchmem ./internal/regionfile/... ./internal/plan/... ./internal/emulator/cloud ./tests/e2e

.PHONY: clean
clean: ## remove what was built and every emulated cloud
	rm -rf bin .beachhead
