# Needs make and Python 3.11 or newer; everything else goes into .venv, from the lock.
# Another interpreter: make setup PYTHON=python3.13 (after make clean).

PYTHON ?= python3
WORKERS ?= 2
ARGS ?=

BIN := .venv/bin
RUN := $(BIN)/python -m
# Stamps: present and newer than what they were made from, so that a second run installs nothing.
LOCKED := .venv/.locked
READY := .venv/.ready
SIP_PACKAGES := kamailio kamailio-extra-modules kamailio-redis-modules sip-tester
# What the wheels lack: TLS in both servers; clocks that lie; packets that vanish.
FAULT_PACKAGES := redis-server postgresql faketime nftables

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help setup demo up test test-fast test-faults test-sip soak mutants simulate-long \
	check lint types fmt lock schemas examples client bench bench-quick clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv from the lock and set the hooks that check a commit
	@if git rev-parse --git-dir >/dev/null 2>&1; then $(BIN)/pre-commit install; fi

demo: $(READY) ## run a messy campaign end to end and compare its report with the truth
	@$(BIN)/callfold demo $(ARGS)

up: $(READY) ## start all processes and keep them until interrupted
	@$(BIN)/callfold up $(ARGS)

test: check ## all checks, then all tests but sip, soak and bench: what CI runs
	@$(RUN) pytest -n $(WORKERS) --dist loadfile $(ARGS)

test-fast: $(READY) ## only the tests that start no server
	@$(RUN) pytest -m "not slow" tests/test_tidy.py tests/unit tests/property $(ARGS)

test-sip: $(READY) sip-packages ## real SIP calls through Kamailio, driven by SIPp (Debian)
	@$(RUN) pytest -m sip tests/e2e $(ARGS)

test-faults: $(READY) fault-packages ## the fault programme: crashes, networks, full disks, clocks
	@$(RUN) pytest -m faults -n $(WORKERS) --dist loadfile tests $(ARGS)

soak: $(READY) ## an hour at half load under random faults (ARGS="--minutes 5 --seed 7")
	@$(RUN) tests.faults.soak $(ARGS)

mutants: $(READY) ## break the product in many named ways; each must be noticed by its test
	@$(RUN) tests.mutants $(ARGS)

simulate-long: $(READY) ## 10,000,000 events through the engine under a seeded scheduler
	@$(RUN) tests.simulation $(ARGS)

check: lint types ## every check that runs no code

lint: $(READY) ## ruff, formatting and layers
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(BIN)/lint-imports

types: $(READY) ## mypy --strict
	@$(RUN) mypy

fmt: $(READY) ## format and repair what can be repaired
	@$(RUN) ruff check --fix .
	@$(RUN) ruff format .

lock: $(READY) ## renew the lock and check every platform (ARGS=--upgrade: newest versions)
	@$(BIN)/python deploy/lock.py $(ARGS)

schemas: $(READY) ## renew the JSON Schemas, AsyncAPI and OpenAPI documents from the structs
	@$(RUN) shared.contracts.documents
	@$(RUN) services.read_api.documents

examples: $(READY) ## renew the examples of the OpenAPI document: what the product answers
	@$(RUN) tests.e2e.documented_answers
	@$(RUN) services.read_api.documents

client: $(READY) ## make a typed Python client of the read API into dist/callfold-client
	@mkdir -p dist
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(RUN) openapi_python_client generate --overwrite \
		--fail-on-warning --path services/read_api/documents/openapi.json \
		--config services/read_api/documents/client.yaml --output-path dist/callfold-client

bench: $(READY) ## measure everything of tests/bench
	@$(RUN) tests.bench $(ARGS)

bench-quick: $(READY) ## the same in two minutes
	@$(RUN) tests.bench --quick $(ARGS)

clean: ## remove .venv, caches and what was built
	rm -rf .venv .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache \
		.schemathesis dist
	find services shared tests deploy -name __pycache__ -prune -exec rm -rf {} +

.PHONY: sip-packages
sip-packages:
	@{ command -v kamailio && command -v sipp && \
		dpkg --status kamailio-extra-modules kamailio-redis-modules; } >/dev/null 2>&1 && exit; \
	if test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null; then \
		echo "These tests need $(SIP_PACKAGES). On Debian or Ubuntu, as root:" \
			"apt-get update && apt-get install $(SIP_PACKAGES)" >&2; exit 1; fi; \
	apt-get update --quiet --quiet && DEBIAN_FRONTEND=noninteractive \
		apt-get install --yes --quiet --quiet $(SIP_PACKAGES)

.PHONY: fault-packages
fault-packages:
	@dpkg --status $(FAULT_PACKAGES) >/dev/null 2>&1 && exit; \
	if test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null; then \
		echo "Without $(FAULT_PACKAGES) some faults are skipped, each with its reason." >&2; exit; fi; \
	apt-get update --quiet --quiet && RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive \
		apt-get install --yes --quiet --quiet --no-install-recommends $(FAULT_PACKAGES)

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Callfold needs Python 3.11 or newer, and $(PYTHON) is not:" \
		"name another, as in make $(MAKECMDGOALS) PYTHON=python3.13" >&2; exit 1; }
	@echo "Installing what requirements.lock names into .venv (a minute, once)"
	@$(PYTHON) -m venv --clear .venv || { \
		echo "On Debian and Ubuntu, venv is a package of its own: python3-venv" >&2; exit 1; }
	@$(RUN) pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(READY): $(LOCKED) pyproject.toml
	@$(RUN) pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
		--editable .
	@touch $@
