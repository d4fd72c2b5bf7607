# Short targets that say what they do. `make demo` and `make test` need python3, make and the package registries only.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-openstack bench check fmt gen lock clean

demo: .venv/.installed  ## A whole maintenance on a simulated cloud, live in the terminal
	@$(BIN)/fenix demo

test: .venv/.installed-dev  ## All tests that need no other server
	@$(BIN)/python -m pytest -q tests

clean:
	rm -rf .venv build *.egg-info
