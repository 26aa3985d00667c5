# Needs Python 3.11 with venv, git and make; everything else is brought into .venv, .cache and .build. Start with `make help`.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PYTHON ?= python3.11
BIN := .venv/bin
VENV := .venv/.installed-$(shell cksum < requirements/dev.txt | cut -d ' ' -f 1)
KAFKA := .cache/kafka/.fetched-$(shell cksum < libs/backing/kafka/jgo.lock.toml | cut -d ' ' -f 1)
GATEWAY := .build/gateway
PACKAGES := $(wildcard libs/*/src services/*/src)
UNIT := $(wildcard libs/*/tests/unit services/*/tests/unit tests/contract tests/model tests/demo)
INTEGRATION := $(wildcard libs/*/tests/integration services/*/tests/integration)

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^##@/ { printf "\n%s\n", substr($$0, 5) } /^[a-z0-9-]+:.*## / { printf "  %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ See it run
.PHONY: demo up status logs down bench
demo: ready ## Greet two hundred people round the world, on real servers, in two minutes
	@$(BIN)/python -m demo

up: ready ## Start the whole mesh and leave it running (PROVIDER_URL=... sends to another provider)
	@$(BIN)/python -m backing up

status: $(VENV) ## Say what runs, where, and whether it answers
	@$(BIN)/python -m backing status

logs: $(VENV) ## Follow the logs of all parts (NAME=scheduler-service for one)
	@$(BIN)/python -m backing logs $(NAME)

down: $(VENV) ## Stop what `make up` started
	@$(BIN)/python -m backing down

bench: ready ## Measure planning and delivery beside a bare loop (minutes)
	@$(BIN)/python -m bench

##@ Check it
.PHONY: lint test test-parts test-whole test-unit test-integration test-e2e test-resilience simulate test-gateway
LINTS := lint-python lint-types lint-imports lint-protos lint-generated lint-go
.PHONY: $(LINTS)
lint: $(VENV) ## Style, types, import rules, protos, drift of generated code, Go
	@$(MAKE) -j2 --keep-going --output-sync=target $(LINTS)

ifdef TESTS
test: ready ## All tests, on Postgres, Redis and Kafka of their own (TESTS=services/user-service: only those)
	@$(BIN)/pytest -q $(TESTS)
else
test: ready
	@echo "Running the tests of the parts and those of the whole side by side; each prints when it is done, after some six minutes."
	@$(MAKE) -j2 --keep-going --output-sync=target test-parts test-whole test-gateway
endif

test-parts: ready
	@$(BIN)/pytest -q libs services loadtest

test-whole: ready
	@$(BIN)/pytest -q tests

test-unit: $(VENV) ## Tests that need no server
	@$(BIN)/pytest -q $(UNIT)

test-integration: $(VENV) $(KAFKA) ## Tests of one part on real servers
	@$(BIN)/pytest -q $(INTEGRATION)

test-e2e: ready ## Tests of the whole mesh
	@$(BIN)/pytest -q $(wildcard tests/e2e)

test-resilience: ready ## Every crash, outage and race, and two simulated years; prints the seed of each (SEED=... repeats it); figures in .run/resilience.json
	@$(BIN)/pytest -q -s -m '' --figures .run/resilience.json tests/resilience tests/simulation

simulate: $(VENV) ## A simulated year with a fault at every step (SEED=1 DAYS=365 PEOPLE=1200 SINCE=2027-01-01)
	@$(BIN)/python -m simulation $(if $(SEED),--seed $(SEED)) $(if $(DAYS),--days $(DAYS)) $(if $(PEOPLE),--people $(PEOPLE)) \
		$(if $(SINCE),--since $(SINCE))

test-gateway: $(VENV) ## The gateway's Go tests
	@tools/go.sh -C services/gateway test ./...

lint-python:
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check . || { $(BIN)/ruff format --diff . ; exit 1; }
	@echo "ruff: fine"

lint-types:
	@tools/types.sh

lint-imports:
	@mkdir -p .build
	@$(BIN)/lint-imports --no-logo > .build/lint-imports.log 2>&1 || { cat .build/lint-imports.log; exit 1; }
	@echo "import-linter: fine"

lint-protos:
	@$(BIN)/buf lint protos
	@$(BIN)/buf format --diff --exit-code protos
	@echo "buf: fine"

lint-generated:
	@tools/generate.sh --check
	@echo "generated code: up to date"

lint-go:
	@unformatted=$$(tools/go.sh gofmt -l services/gateway); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }
	@tools/go.sh -C services/gateway vet ./...
	@echo "go vet: fine"

##@ Kubernetes
.PHONY: images images-twice charts helm-lint test-kubernetes tools-helm
HELM ?= $(or $(wildcard $(CURDIR)/.build/helm),$(shell command -v helm 2>/dev/null),$(CURDIR)/.build/helm)
# The image builder's command, and where a cluster is that takes what it builds: `make test-kubernetes KUBECONFIG=...`.
IMAGE_BUILD ?= docker build
# The folder, or some of its files: test_1_install.py takes three minutes, all of it 25.
KUBERNETES_TESTS ?= tests/kubernetes
export HELM IMAGE_BUILD

images: ## Build all images (IMAGE_BUILD="docker build", TAG=dev)
	@tools/images.sh

images-twice: $(VENV) ## Build each image twice, say where their files differ and how large they are (IMAGE_SAVE="docker save")
	@tools/images_twice.sh

charts: ## Pack the charts' dependencies, so that charts/heyday can be installed
	@tools/charts.sh

helm-lint: $(VENV) charts ## Lint and render every chart for every environment
	@$(BIN)/pytest -q tests/charts

test-kubernetes: $(VENV) charts ## Install the mesh in a real cluster and try it (kind, or KUBECONFIG=...)
	@$(BIN)/pytest -q -s -m '' $(KUBERNETES_TESTS)

tools-helm: $(VENV) ## Build helm into .build; some minutes, the first time
	@GOBIN=$(CURDIR)/.build tools/go.sh -C tools/helm install helm.sh/helm/v4/cmd/helm

##@ Make it
.PHONY: venv kafka gateway grpcurl edge-cases protos lock clean ready
venv: $(VENV) ## Make .venv from the hash-locked requirements

kafka: $(KAFKA) ## Fetch Kafka's jars

gateway: $(GATEWAY) ## Build the gateway

ready: $(VENV) $(KAFKA) $(GATEWAY)

grpcurl: $(VENV) ## Build grpcurl into .build; a minute, the first time
	@GOBIN=$(CURDIR)/.build tools/go.sh -C tools install github.com/fullstorydev/grpcurl/cmd/grpcurl

edge-cases: $(VENV) ## Write docs/edge-cases.md from the tests
	@$(BIN)/python tools/edge_cases.py

protos: $(VENV) ## Generate the code that is made from protos/
	@tools/generate.sh

lock: $(VENV) ## Lock requirements and jars anew, to the newest versions that fit
	@tools/lock.sh

clean: ## Remove everything that was made here, .venv and fetched jars included
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m backing down
	@rm -rf .venv .cache .build .run

$(VENV): requirements/dev.txt
	@PYTHON=$(PYTHON) tools/venv.sh
	@rm -f .venv/.installed-*
	@touch $@

$(KAFKA): $(VENV)
	@echo "Fetching Kafka's jars into .cache/kafka; once, 55 MB."
	@$(BIN)/python -m backing.jars
	@touch $@

$(GATEWAY): $(VENV) $(shell find services/gateway -type f -not -name '*_test.go' -not -name '*.md')
	@echo "Building the gateway; the first time this takes one to three minutes."
	@CGO_ENABLED=0 tools/go.sh -C services/gateway build -o $(CURDIR)/$@ ./cmd/gateway
