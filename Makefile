# The project's commands. Each sets up what it needs; `make help` lists them.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check
INPUT ?=
NATIONAL ?=
PERIOD ?= 2015T2
SURVEY ?= enoe_sdem
ONLY ?=
# Three processes for the tests, since one often waits for Airflow. Each takes a file at a time, in
# the order of the folders: Airflow, the longest, is started by one of them at once, and the others
# make way for it.
BOTH_CORES := -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup lock browser services compiler demo ui compiled test test-long cluster chaos coverage check unit bench clean figures schemas texts architecture sbom audit-packages upgrade

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# torch by pip, whose settings say which build of it; the rest by uv, in a fifth of pip's time, and
# compiled at once: where PYTHONDONTWRITEBYTECODE is set, each process would compile it all again. Where
# uv finds no index, since only pip's settings name one, pip installs it all.
$(VENV)/.installed: requirements.txt requirements-dev.txt requirements-server.txt constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install uv torch -c constraints.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python -r requirements-dev.txt -c constraints.txt \
	  || $(PIP) install -r requirements-dev.txt -c constraints.txt
	@touch $@

setup: $(VENV)/.installed  ## the virtual environment with the pinned packages

lock: setup  ## requirements*.lock anew, with hashes, from the requirements and constraints.txt
	.ci/lock $(BIN)/uv

browser:
	@if ! command -v chromium >/dev/null && ! command -v google-chrome >/dev/null; then \
	  if [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; \
	  else \
	    echo "error: the plots need Chromium; run: sudo apt-get install -y chromium fonts-dejavu-core" >&2; \
	    exit 1; \
	  fi; \
	fi

demo: setup browser  ## the whole pipeline on an embedded lake; INPUT=file.csv PERIOD=2015T2 for a file of yours
	$(BIN)/python -m demo.run --survey $(SURVEY) --period $(PERIOD) $(if $(INPUT),--input "$(INPUT)")

ui: setup browser  ## Airflow itself on the same embedded lake, until Ctrl-C
	$(BIN)/python -m demo.ui

check: setup  ## lint, format, types, and that every text has its Spanish
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m checks.texts --check

unit: setup  ## the tests that take seconds, a minute together
	$(BIN)/python -m pytest -n 2 --dist loadfile tests/unit

# The audit's search, before the tests: of several processes each would compile it.
compiled: setup
	$(BIN)/python -m include.espejo.disclose.distance.compile

# Two things at a time, since neither the installation nor the types keep two cores busy.
test:  ## the tests, after lint, format and types
	@$(MAKE) --no-print-directory --jobs 2 setup browser
	@$(MAKE) --no-print-directory --jobs 2 check compiled
	$(BIN)/python -m pytest $(BOTH_CORES) -m "not long"

test-long: compiled browser  ## what `make test` leaves out for its time: awkward surveys to the end, a lake that fails now and then
	$(BIN)/python -m pytest $(BOTH_CORES) -m long

services:
	@if ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || ! command -v redis-server >/dev/null; then \
	  if [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends postgresql redis-server; \
	  else \
	    echo "error: the cluster needs PostgreSQL and Redis; run: sudo apt-get install -y postgresql redis-server" >&2; \
	    exit 1; \
	  fi; \
	fi

cluster: setup browser services  ## Airflow over two workers: one is lost while it trains, the other goes on
	$(BIN)/python -m pytest -s tests/cluster

# For a machine whose clock jumps.
compiler:
	@if ! command -v cc >/dev/null; then \
	  if [ "$$(id -u)" = 0 ]; then \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends gcc libc6-dev; \
	  else \
	    echo "error: a clock that jumps needs a C compiler; run: sudo apt-get install -y gcc libc6-dev" >&2; \
	    exit 1; \
	  fi; \
	fi

chaos: compiled browser compiler services  ## the DAG in Airflow, broken in every way: which faults it recovers from, in an hour
	ESPEJO_CASES=2000 $(BIN)/python -m pytest -q tests/slow/test_bulk_input.py \
	  tests/dags/test_releases_plugin.py::test_no_odd_request_breaks_a_page
	$(BIN)/python -m tests.chaos $(if $(ONLY),--only "$(ONLY)")

# Not part of `test`: Python 3.11 has no sys.monitoring, and what follows every line costs half an hour.
coverage: setup browser  ## which lines and branches of include/ the unit and integration tests take
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest tests/unit tests/slow tests/integration
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report

bench: setup  ## after its own tests: speed, memory and engines, beside the notebook's own; INPUT=file.csv and NATIONAL=file.csv for files of yours
	$(BIN)/python -m pytest -q tests/bench
	$(BIN)/python -m bench.run --engines --period $(PERIOD) $(if $(INPUT),--input "$(INPUT)") $(if $(NATIONAL),--national "$(NATIONAL)")

figures: setup  ## the shape of the code: circles, names, types, lengths
	$(BIN)/python -m checks.figures

schemas: setup  ## the JSON Schemas of a release's figures in docs/schemas, from their documents
	$(BIN)/python -m checks.schemas

texts: setup  ## the catalogue of texts for readers, from the code; new ones wait for their Spanish
	$(BIN)/python -m checks.texts

architecture: setup  ## the drawing of the wings in docs/architecture.md, from the imports
	$(BIN)/python -m checks.architecture

sbom: setup  ## the bill of materials of this environment, in build/sbom.json
	$(BIN)/python -m checks.sbom

audit-packages: setup  ## known weaknesses of the pinned packages, from the advisories of PyPI
	$(BIN)/uv tool run pip-audit@2.10.1 --requirement requirements.lock --disable-pip --require-hashes

upgrade: setup  ## moves the pins, runs the tests, writes what changed to build/upgrade.md
	$(BIN)/python -m checks.upgrade

clean:  ## removes what the commands made, but for the virtual environment
	rm -rf build .mypy_cache .ruff_cache .pytest_cache
