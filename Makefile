# The only commands a newcomer needs: make demo, make test. `make` alone lists them.
#
# What the machine lacks (Debian packages, Python wheels, Node packages) is installed by `setup`, by name and pinned. Build results
# live outside the checkout, so that a clean clone does not pay for the engine again.

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/forebay
export CARGO_TARGET_DIR ?= $(HOME)/.cache/forebay/target

# One environment per set of pins: a changed pin never changes an environment in use.
VENV := $(CACHE)/venv-$(shell sha256sum < scripts/requirements.txt | cut -c1-12)
PY   := $(VENV)/bin/python
export FOREBAY_TEST_PYTHON ?= $(PY)
NODE := $(CACHE)/hubspot-client-$(shell sha256sum < scripts/hubspot-client/package-lock.json | cut -c1-12)
export FOREBAY_TEST_HUBSPOT_NODE ?= $(NODE)
AZURITE := $(CACHE)/azurite-$(shell sha256sum < scripts/azurite/package-lock.json | cut -c1-12)
export FOREBAY_TEST_AZURITE ?= $(AZURITE)
# The peer that reads HubSpot beside us; only the benchmark installs it.
PEER := $(CACHE)/venv-peer-$(shell sha256sum < bench/requirements.txt | cut -c1-12)

# Always the whole workspace: a subset has other features, and other features compile the engine anew.
WORKSPACE := --workspace --locked

.DEFAULT_GOAL := help
.PHONY: help setup ui ui-test screenshots demo test nextest lint bench bench-hubspot bench-control memory soak

help:
	@echo 'make demo     build, start everything on 127.0.0.1, print a link into the web UI; DEMO=--exit lands rows by itself'
	@echo 'make test     what CI runs: format, lint, every test'
	@echo 'make lint     clippy alone'
	@echo 'make bench    us beside DuckDB on one S3 server, then peak memory, expressions, HubSpot beside dlt, the control plane beside a bare handler; release build'
	@echo 'make soak     the long tests: 2 GB through 512 MiB, 200 kills, all tests over PostgreSQL, the fuzzer for an hour'
	@echo 'make ui-test  the web UI in a real browser; make screenshots takes the pictures of the book'
	@echo 'make ui       the web UI alone, into ui/dist; cargo compiles it into the program'
	@echo 'make setup    only what the above install: Debian packages, pinned Python wheels and Node packages'

setup: $(VENV)/.ready $(NODE)/.ready $(AZURITE)/.ready

# The script does what is not done yet, so each of the three may run it.
$(VENV)/.ready $(NODE)/.ready $(AZURITE)/.ready: scripts/requirements.txt scripts/hubspot-client/package-lock.json \
    scripts/azurite/package-lock.json scripts/setup.sh
	scripts/setup.sh $(VENV) $(NODE) $(AZURITE)
	@touch $@

$(PEER)/.ready: $(VENV)/.ready bench/requirements.txt
	rm -rf $(PEER)
	$(PY) -m venv $(PEER)
	$(PEER)/bin/python -m pip install -q --disable-pip-version-check --only-binary=:all: -r bench/requirements.txt
	@touch $@

# Before cargo, which compiles it in. Costs nothing while its sources are the same.
ui:
	scripts/ui.sh

# The whole in a real browser: the program as cargo built it, its simulators, Chromium. FILES='tests/browser/first.spec.ts' for a part.
ui-test: setup ui
	cargo build $(WORKSPACE) --bins
	cd ui && npm run --silent lint && npm run --silent test
	cd ui && FOREBAY_TEST_BIN=$(CARGO_TARGET_DIR)/debug/forebay FOREBAY_TEST_UI_FILES='$(FILES)' npx vitest run -c vitest.browser.config.ts

# The pictures in the book, of a demo of this build.
screenshots: setup ui
	cargo build $(WORKSPACE) --bins
	cd ui && FOREBAY_TEST_BIN=$(CARGO_TARGET_DIR)/debug/forebay FOREBAY_TEST_IMAGES=docs/book/images \
	    FOREBAY_TEST_UI_FILES=tests/browser/states.spec.ts npx vitest run -c vitest.browser.config.ts -t B22

# Without the tests, which a newcomer need not wait for: their dependencies change no feature of the engine's.
demo: ui
	cargo build $(WORKSPACE)
	$(CARGO_TARGET_DIR)/debug/forebay demo $(DEMO)

# Clippy works in check mode, which shares nothing with the build: on a clean machine it compiles the engine once more
# (some five minutes of two cores), later it costs seconds.
test: setup ui
	cargo fmt --all --check
	$(MAKE) lint
	cargo build $(WORKSPACE) --all-targets
	$(PY) -m unittest discover -q -s scripts -p '*_test.py'
	$(PY) -m unittest discover -q -s bench -p '*_test.py'
	scripts/with-services.sh $(MAKE) nextest
	$(MAKE) ui-test

# Every test over SQLite, then over PostgreSQL those of what stands on the store, and a part of the whole program's.
# Two for each core: many wait, for a lease to end or a limit to pass.
NEXTEST := cargo nextest run $(WORKSPACE) --test-threads $(shell echo $$(( 2 * $$(nproc) )))
nextest:
	$(NEXTEST)
	FOREBAY_TEST_DATABASE=postgres $(NEXTEST) -E \
	    'package(forebay-store) + package(forebay-api) + (package(forebay-ingest) & test(/^run/)) + (package(forebay-server) & test(/runs|secrets|tutorial|backup|processes|fuzzer/))'

lint:
	cargo clippy $(WORKSPACE) --all-targets -- -D warnings

# BENCH and HUBSPOT pass options on: make bench BENCH='--format csv --rounds 5' HUBSPOT='--contacts 100000'
bench: setup ui
	cargo build --release $(WORKSPACE)
	$(PY) bench/run.py --bin $(CARGO_TARGET_DIR)/release/forebay $(BENCH)
	$(PY) bench/memory.py --bin $(CARGO_TARGET_DIR)/release/forebay
	$(PY) bench/mapping.py --bin $(CARGO_TARGET_DIR)/release/forebay
	$(MAKE) bench-hubspot
	$(MAKE) bench-control

bench-hubspot: setup ui $(PEER)/.ready
	cargo build --release $(WORKSPACE)
	$(PY) bench/hubspot.py --bin $(CARGO_TARGET_DIR)/release/forebay --peer-python $(PEER)/bin/python $(HUBSPOT)

# CONTROL passes options on: make bench-control CONTROL='--seconds 20'
bench-control: setup ui
	cargo build --release $(WORKSPACE) --bins --example bare
	$(PY) bench/control.py --bin $(CARGO_TARGET_DIR)/release/forebay --bare $(CARGO_TARGET_DIR)/release/examples/bare $(CONTROL)

memory: setup ui
	cargo build --release $(WORKSPACE)
	$(PY) bench/memory.py --bin $(CARGO_TARGET_DIR)/release/forebay

# The kill test reads FOREBAY_TEST_KILLS: no failure in 200 bounds the rate below 1.5 %, in 3,000 below 0.1 %.
soak: memory
	cd ui && FOREBAY_TEST_SOAK=1 FOREBAY_TEST_BIN=$(CARGO_TARGET_DIR)/release/forebay \
	    FOREBAY_TEST_UI_FILES='tests/{soak/*,browser/axe}.spec.ts' npx vitest run -c vitest.browser.config.ts
	FOREBAY_TEST_KILLS=$(or $(KILLS),200) scripts/with-services.sh \
	    cargo nextest run $(WORKSPACE) -E 'test(/kill/)'
	FOREBAY_TEST_FUZZ=$(or $(FUZZ),500) scripts/with-services.sh cargo nextest run $(WORKSPACE) -E 'test(/fuzzer/)'
	FOREBAY_TEST_FUZZ=$(or $(FUZZ),500) FOREBAY_TEST_DATABASE=postgres scripts/with-services.sh cargo nextest run $(WORKSPACE) -E \
	    'package(forebay-store) + package(forebay-api) + package(forebay-ingest) + package(forebay-server)'
