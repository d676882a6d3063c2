# Every target sets up what it needs by itself: its own virtual environment in .venv, and for the demonstration
# the programs named in .ci/system-packages. Windows has no make: the README gives the three lines to type there.

SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
DEV := $(VENV)/.dev-installed
# What the tests need: the tools, and the optional parts that have tests of their own.
EXTRAS := dev,desk,keyring,obs,video,watch,alerts,fast
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# Most tests wait for real processes, so two at a time take half as long even on one core.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

# By default the authorities of the settings are asked, and without a network the requests stay queued.
# `make demo TSA=local` starts a demonstration time authority on this machine; TSA=none asks nobody.
TSA ?= configured
DEMO_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test test-all test-again lint types build system test-system all-system clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-11s %s\n", $$1, $$2}'

demo: $(READY) system  ## record a real paint program, compare, export, verify (TSA=local: with time tokens)
	$(BIN)/sakigake demo --authority $(TSA) $(DEMO_ARGS)

test: $(DEV) test-system  ## the tests that take minutes at most
	$(PYTEST) -m "not slow and not deep"

# Right after `make test` in the same checkout AFTER_TEST=1 leaves out what has just run; every test still runs once.
test-all: $(DEV) all-system  ## every test, the slow ones included
	$(PYTEST) -m "$(if $(AFTER_TEST),slow and )not deep"
	@if grep -rqE 'mark\.deep' tests --include='test_*.py'; then \
	  $(PIP) -e '.[$(EXTRAS),deep]' && $(PYTEST) -m deep; fi

test-again: $(DEV)  ## the tests that failed last time, one at a time
	$(BIN)/python -m pytest --last-failed --last-failed-no-failures none

lint: $(DEV)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The faults that tests plant (signals, limits, namespaces) exist on POSIX only; what ships is checked for all three.
types: $(DEV)  ## mypy --strict: everything for Linux, what ships for Windows and macOS
	$(BIN)/mypy --platform linux
	@for platform in win32 darwin; do echo "mypy --platform $$platform"; \
	  $(BIN)/mypy --platform $$platform -p capture -p desk -p sakigake -p watch || exit 1; done

build: $(DEV)  ## wheel and source archive in dist/
	$(BIN)/python -m hatchling build

system:  ## install the programs that the demonstration drives, where that is allowed
	@bash .ci/system-packages

test-system:  ## the same, and those that the quick tests drive
	@bash .ci/system-packages tests

all-system:  ## the same, and those that the slow tests drive (OBS)
	@bash .ci/system-packages all

clean:  ## remove the environment and everything that was made
	rm -rf $(VENV) build dist demo-out .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(READY): pyproject.toml
	@set -e; python=; \
	for name in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then python="$$name"; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "sakigake needs Python 3.11 or newer: install it, then run make again (make PYTHON=/path/to/python names one)." >&2; \
	  exit 1; \
	fi; \
	if ! "$$python" -m venv $(VENV) >/dev/null; then \
	  echo "This Python cannot make virtual environments: on Debian and Ubuntu run 'apt-get install python3-venv', then make again." >&2; \
	  exit 1; \
	fi; \
	echo "Installing sakigake into $(VENV) ..."; \
	$(PIP) -e .; \
	touch $@

$(DEV): $(READY)
	@echo "Installing the tools for tests into $(VENV) ..."; $(PIP) -e '.[$(EXTRAS)]' && touch $@
