# Everything a newcomer types. Only Python 3.11 (or newer) and make are needed; the rest comes, pinned and hash-checked, into .venv.
#
#   make quickstart    a gateway in front of a demo backend, until Ctrl-C      (PORT=8888 BACKEND_PORT=3000)
#   make test          unit, golden, property, ADS and end-to-end tests        (ARGS="-k listeners -x" goes to pytest)
#   make test-kubernetes  the same in a real cluster, and the official conformance suite  (needs Linux, root, nft, kubectl, Go 1.26)
#   make bench         what a change costs, beside Envoy's own floor  (BENCH=changes|paths|cold|zero_errors ARGS="--routes 1000")
#   make check         formatter, linter, types, import contracts, sizes
#   make format        lets ruff rewrite what it can
#   make lock          solves the dependencies anew and writes the lock files (needs a package index)
#   make clean         removes .venv and the tools' caches
#
# PYTHON=/path/to/python3.11 names the interpreter when the one found first is not the one you want.

PYTHON       ?=
PORT         ?= 8888
BACKEND_PORT ?= 3000
ARGS         ?=
BENCH        ?= changes
UV_VERSION   := 0.13.9

VENV    := .venv
RUN     := $(VENV)/bin/python
RUNTIME := $(VENV)/runtime.stamp
DEV     := $(VENV)/dev.stamp
LOCK    := $(RUN) -m uv --quiet pip compile pyproject.toml --universal --python-version 3.11 --only-binary :all: --no-header \
           --generate-hashes --no-emit-index-url --no-emit-find-links --upgrade

# The test cluster is built from source and kept until its source changes; what is linked last stands for all of it.
BED         := testbed/bin/conformance.test
BED_SOURCES := $(wildcard testbed/*.go testbed/go.* testbed/coredns/*.go testbed/coredns/go.* testbed/conformance/*.go testbed/conformance/go.*)

.DEFAULT_GOAL := help
.PHONY: help quickstart test test-kubernetes bench check format lock clean
MAKEFLAGS += --no-print-directory

help:
	@sed -n 's/^#   \(make .*\)/\1/p' Makefile

# The stamps hold the order: what is locked decides what is installed, and nothing is done twice.
$(RUNTIME): requirements.txt pyproject.toml scripts/bootstrap scripts/bootstrap.py
	@PYTHON='$(PYTHON)' sh scripts/bootstrap $(VENV) requirements.txt
	@touch $@

$(DEV): requirements-dev.txt $(RUNTIME)
	@PYTHON='$(PYTHON)' sh scripts/bootstrap $(VENV) requirements-dev.txt
	@touch $@

quickstart: $(RUNTIME)
	@exec $(RUN) -m gatewright quickstart --port $(PORT) --backend-port $(BACKEND_PORT)

test: $(DEV)
	@exec $(RUN) -m pytest $(ARGS)

$(BED): $(BED_SOURCES)
	@command -v go > /dev/null || { echo 'make test-kubernetes builds a Kubernetes cluster from source, for which it needs Go 1.26 or newer' \
	  '(https://go.dev/dl); there is no `go` on the PATH. "make test" runs all tests that need no cluster.' >&2; exit 1; }
	@echo 'building the test cluster: about ten minutes the first time, seconds later'
	@nice testbed/build.sh

test-kubernetes: $(DEV) $(BED)
	@exec $(RUN) -m pytest tests/kubernetes $(ARGS)

bench: $(DEV)
	@exec $(RUN) -m bench.$(BENCH) $(ARGS)

check: $(DEV)
	@exec $(RUN) scripts/check.py

format: $(DEV)
	@$(RUN) -m ruff check --quiet --fix-only src tests scripts
	@$(RUN) -m ruff format src tests scripts

lock: $(RUNTIME)
	@$(RUN) -m pip --quiet --disable-pip-version-check install uv==$(UV_VERSION)
	$(LOCK) --group build --output-file requirements.txt
	$(LOCK) --group build --group dev --constraint requirements.txt --output-file requirements-dev.txt

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
