# Short targets that say what they do. `make demo` and `make test` need python3, make and the package registries, no more.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q
GENERATED := fenix_grpc/v1

.DEFAULT_GOAL := help
.PHONY: help demo test test-openstack soak fuzz bench bench-planner bench-scale endurance check fmt gen lock clean chaos

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' Makefile | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

demo: .venv/.ready  ## A whole maintenance on a simulated cloud, live in the terminal
	@$(BIN)/fenix demo

test: .venv/.ready-dev  ## All tests that need nothing but this machine
	@$(BIN)/python -m pytest -q -n auto --dist worksteal tests --ignore tests/openstack

test-openstack: .venv/.ready-dev  ## Whole sessions on a real OpenStack control plane, started by tests/devcloud
	@TELEMETRY=$${TELEMETRY:-1} tests/devcloud/up.sh
	@$(BIN)/python -m pytest -q -s tests/openstack; code=$$?; \
	  [ -n "$$KEEP_CLOUD" ] || tests/devcloud/down.sh; exit $$code

bench: .venv/.ready-dev  ## Figures as ratios, measured side by side in one run
	@$(BIN)/python -m tests.bench

bench-planner: .venv/.ready-dev  ## Plans beside their lower bounds and beside what others do
	@$(BIN)/python -m tests.bench.planner

bench-scale: .venv/.ready-dev  ## One session of 1,000 hosts and 20,000 instances at virtual time
	@$(BIN)/python -m tests.bench.scale

soak: .venv/.ready-dev  ## 10,000 small random sessions with everything going wrong; takes hours
	@$(BIN)/python -m tests.soak --sessions $${SESSIONS:-10000} --seed $${SEED:-1}

fuzz: .venv/.ready-dev  ## 200,000 hostile inputs at both ports of a server that works on a session meanwhile
	@$(BIN)/python -m tests.fuzz --inputs $${INPUTS:-200000} --seed $${SEED:-1}

endurance: .venv/.ready-dev  ## One server at work for an hour: memory, threads, files and connections must not grow
	@$(BIN)/python -m tests.endurance --minutes $${MINUTES:-60} --seed $${SEED:-1}

chaos: .venv/.ready-dev  ## 200 sessions on each kind of database while servers, databases, network and cloud go wrong; half an hour
	@$(BIN)/python -m tests.chaos --sessions $${SESSIONS:-200} --seed $${SEED:-1} --databases $${DATABASES:-sqlite postgresql mariadb}

check: .venv/.ready-dev  ## Format, lint, types, layers, contract, generated code
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/buf lint
	@$(BIN)/buf format --diff --exit-code
	@$(BIN)/buf breaking --against proto/released.binpb
	@proto/generate.sh $(CURDIR)/build/gen && diff -r -x __pycache__ -x __init__.py build/gen $(GENERATED)
	@$(BIN)/python -m gateway.contract build/documents
	@for f in docs/api.md gateway/documents/openapi-v1.json gateway/documents/openapi-standard.json; do \
	  diff -q build/documents/$$f $$f || { echo "make gen writes it anew"; exit 1; }; done

fmt: .venv/.ready-dev  ## Formats code and contract
	@$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format -q . ; $(BIN)/buf format -w

gen: .venv/.ready-dev  ## Python stubs, OpenAPI and API reference from proto/, the drawing of states in DESIGN.md
	@proto/generate.sh
	@$(BIN)/python -m gateway.contract
	@$(BIN)/python -m tests.docs.states
	@if command -v go >/dev/null; then clients/generate.sh; else echo "the Go stubs are left: go is missing"; fi

lock: .venv/.ready-dev  ## Pins all dependencies anew, with hashes
	@$(BIN)/python tests/tools/lock.py

clean:  ## Removes what the other targets made
	rm -rf .venv build *.egg-info clients/go/bin clients/typescript/dist clients/typescript/node_modules clients/java/target \
	  clients/rust/target clients/cpp/build

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
