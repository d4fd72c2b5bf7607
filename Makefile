# Short targets that say what they do. `make demo` and `make test` need python3, make and the package registries, no more.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
GENERATED := fenix_grpc/v1

.DEFAULT_GOAL := help
.PHONY: help demo test test-openstack bench bench-planner check fmt gen lock clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: .venv/.ready  ## A whole maintenance on a simulated cloud, live in the terminal
	@$(BIN)/fenix demo

test: .venv/.ready-dev  ## All tests that need nothing but this machine
	@$(BIN)/python -m pytest -q tests --ignore tests/openstack

test-openstack: .venv/.ready-dev  ## Whole sessions on a real OpenStack control plane, started by tests/devcloud
	@TELEMETRY=$${TELEMETRY:-0} tests/devcloud/up.sh
	@$(BIN)/python -m pytest -q -s tests/openstack; code=$$?; \
	  [ -n "$$KEEP_CLOUD" ] || tests/devcloud/down.sh; exit $$code

bench: .venv/.ready-dev  ## Figures as ratios, measured side by side in one run
	@$(BIN)/python -m tests.bench

bench-planner: .venv/.ready-dev  ## Plans beside their lower bounds and beside what others do
	@$(BIN)/python -m tests.bench.planner

check: .venv/.ready-dev  ## Format, lint, types, layers, contract, generated code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code
	@proto/generate.sh $(CURDIR)/build/gen && diff -r -x __pycache__ -x __init__.py build/gen $(GENERATED)

fmt: .venv/.ready-dev  ## Formats code and contract
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q . ; $(BIN)/buf format -w

gen: .venv/.ready-dev  ## Python stubs from proto/, the drawing of states in DESIGN.md
	@proto/generate.sh
	@$(BIN)/python -m tests.docs.states

lock: .venv/.ready-dev  ## Pins all dependencies anew, with hashes
	@$(BIN)/python tests/tools/lock.py

clean:  ## Removes what the other targets made
	rm -rf .venv build *.egg-info

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fenix needs Python 3.11 or later; set PYTHON=")'
	@$(PYTHON) -m venv .venv

.venv/.ready: requirements.lock pyproject.toml | .venv/bin/python
	@echo "Installing fenix into .venv (once) ..."
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation setuptools wheel -e . 2>/dev/null || $(PIP) install --no-deps -e .
	@touch $@

.venv/.ready-dev: requirements-dev.lock .venv/.ready
	@echo "Installing what the tests need into .venv (once) ..."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
