# Each command sets up what it needs: the first makes a virtual environment in .venv, later ones
# reuse it until pyproject.toml changes. Only make and Python 3.11 or newer have to be there.

VENV := .venv
BIN := $(VENV)/bin
DATA = digits
ARGS =

# One thread a process: the tests already fill the cores, and two busy threads slow each other.
OMP_NUM_THREADS ?= 1
export OMP_NUM_THREADS

ifndef TITHE_DATA
ifneq ($(wildcard ../shared/data),)
export TITHE_DATA := $(CURDIR)/../shared/data
endif
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test slow check format bench reproduce-quick results clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/ready ## ten participants train one network together (DATA=mnist: on MNIST)
	@$(BIN)/tithe demo --data "$(DATA)" $(ARGS)

test: $(VENV)/ready-dev ## run the fast tests (ARGS="-k codec": some of them)
	@$(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup --cov $(ARGS)

slow: $(VENV)/ready-dev ## run the tests that take more than a minute each
	@$(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup -m slow --timeout 1800 $(ARGS)

check: $(VENV)/ready-dev ## check format, lint, types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/ready-dev ## put the code in its format and mend what Ruff can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(VENV)/ready-dev ## run every benchmark, one table each
	@failed=0; for file in benchmarks/*.py; do \
	  echo "== $$file"; $(BIN)/python "$$file" || failed=1; \
	done; exit $$failed

reproduce-quick: $(VENV)/ready-dev ## try every rebuilt published figure at toy size
	@$(BIN)/tithe reproduce --all --quick $(ARGS)

results: $(VENV)/ready-dev ## write docs/results.md and docs/results.html from stored results
	@$(BIN)/tithe reproduce --page docs

clean: ## remove .venv and every cache; what runs left stays
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# ------------------------------------------------------------------------ the virtual environment

PYTHONS = $(or $(PYTHON),python3.13 python3.12 python3.11 python3.14 python3 python)
IS_FIT = import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PIP = $(BIN)/python -m pip --disable-pip-version-check install

# It is made anew when its interpreter is gone or when this folder was moved or copied.
ifneq ($(shell $(BIN)/python -c '$(IS_FIT)' 2>/dev/null && cat $(VENV)/made-for),$(CURDIR))
.PHONY: $(VENV)/made-for
endif

$(VENV)/made-for:
	@for python in $(PYTHONS); do \
	  if "$$python" -c '$(IS_FIT)' 2>/dev/null; then \
	    echo "Setting up $(VENV) with $$python (once; PyTorch is large, so give it some minutes)"; \
	    "$$python" -m venv --clear $(VENV) && echo '$(CURDIR)' >$@; exit; \
	  fi; \
	done; \
	echo "Tithe needs Python 3.11 or newer with its venv module, and this is not it:" \
	  "$(PYTHONS). Install one (Debian and Ubuntu: apt install python3-venv)" \
	  "or name yours: make PYTHON=/path/to/python3 ..." >&2; exit 1

$(VENV)/ready: $(VENV)/made-for pyproject.toml
	@[ -t 1 ] || quiet=--quiet; $(PIP) $$quiet --editable .
	@touch $@

$(VENV)/ready-dev: $(VENV)/made-for pyproject.toml
	@[ -t 1 ] || quiet=--quiet; $(PIP) $$quiet --editable '.[dev]'
	@touch $(VENV)/ready $@
