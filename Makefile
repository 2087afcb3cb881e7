# Redvest: one target per job. Every target does the set-up that it needs; a second call is instant.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEV_INSTALLED := $(VENV)/.dev-installed

.PHONY: help
help: ## show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: install
install: $(INSTALLED) ## set up .venv with the locked libraries and .venv/bin/redvest

$(BIN)/python:
	@deploy/make-venv "$(PYTHON)" $(VENV)

$(INSTALLED): requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing the locked libraries into $(VENV) (a minute or two the first time)"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --no-build-isolation --no-deps -e .
	@touch $@

$(DEV_INSTALLED): requirements-dev.lock $(INSTALLED)
	@echo "Installing what tests and checks need"
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

.PHONY: demo
demo: $(INSTALLED) ## run the whole product on the simulated 24 July day (ARGS="--headless" and more)
	@exec $(BIN)/redvest demo $(ARGS)

.PHONY: test-programs
test-programs: $(DEV_INSTALLED)
	@deploy/test-programs $(BIN)/python

.PHONY: test
test: $(DEV_INSTALLED) test-programs ## set up everything and run the tests (ARGS=tests/alerts and more)
	@$(BIN)/python -m pytest -n 2 $(ARGS)

.PHONY: test-quick
test-quick: $(DEV_INSTALLED) ## the tests of rules, formats and stores, without broker and browser: under a minute
	@$(BIN)/python -m pytest -n 2 -q grid alerts tests/grid tests/alerts tests/stores $(ARGS)

ROOMS := grid alerts collector stores simulator service dashboard web

.PHONY: coverage
coverage: $(DEV_INSTALLED) test-programs ## run the tests and print what share of each room they execute (ARGS=tests/alerts and more)
	@$(BIN)/python -m pytest -n 2 -q $(foreach room,$(ROOMS),--cov=$(room)) --cov-branch --cov-report= $(ARGS)
	@for room in $(ROOMS); do printf '%-10s ' $$room; $(BIN)/coverage report --include="$$room/*" --format=total | sed 's/$$/ %/'; done
	@$(BIN)/coverage report --skip-covered --sort=cover --show-missing | head -40

.PHONY: soak
soak: $(DEV_INSTALLED) test-programs ## run the long fault and load tests
	@$(BIN)/python -m pytest -m soak --timeout 3600 $(ARGS)

.PHONY: check
check: $(DEV_INSTALLED) ## formatting, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy

.PHONY: format
format: $(DEV_INSTALLED) ## format the source and mend what lint can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: bench
bench: $(INSTALLED) ## readings per second beside bare parts and other programs (ARGS="--quick")
	@deploy/apt-install mosquitto:mosquitto
	@deploy/apt-install node:nodejs npm:npm || echo "without Node.js: its programs are skipped"
	@$(BIN)/python -m bench.ingest.run $(ARGS)
	@$(BIN)/python -m bench.verdicts.run
	@$(BIN)/python -m bench.simulator_study.speed
	@$(BIN)/python -m bench.simulator_study.messages

.PHONY: bench-province
bench-province: $(INSTALLED) ## 500,000 transformers, one reading a minute, ten minutes (ARGS="--minutes 2")
	@deploy/apt-install mosquitto:mosquitto
	@$(BIN)/python -m bench.province.run $(ARGS)

.PHONY: screenshots
screenshots: $(DEV_INSTALLED) test-programs ## take the pictures of docs/images from a running demo
	@$(BIN)/python -m bench.screenshots $(ARGS)

.PHONY: lock
lock: ## resolve the libraries anew into both lock files (ARGS=--upgrade for newer ones)
	@command -v uv >/dev/null || { echo "make lock needs uv: python3 -m pip install uv" >&2; exit 1; }
	@echo 'setuptools>=80' | uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate $(ARGS) \
		--extra demo --output-file requirements.lock pyproject.toml - >/dev/null
	@echo 'setuptools>=80' | uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate $(ARGS) \
		--extra demo --extra dev --extra postgresql --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml - >/dev/null

.PHONY: clean
clean: ## remove the environment and everything that tools leave behind
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis test-artifacts demo-data
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
