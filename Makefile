# Every target sets itself up: it needs Python 3.11 or newer, make and a package index. `make` alone lists the targets.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-failure down test soak lint debian-packages bench requirements

# The hosts of the lab in tests: `process` (no root, nothing installed) or `real` (root file systems, sshd, apt).
TAKEOFF_LAB ?= process
export TAKEOFF_LAB

# Container images like to set it; thousands of short processes here import the same files, and would compile them anew.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
BENCH_VENV := .venv-bench
BENCH_INSTALLED := $(BENCH_VENV)/installed
PYTEST = $(BIN)/python -m pytest

# Where tests of these levels are: not to read all the others once more for each level (tests/tooling/test_levels.py).
LAB_TESTS := tests/airflow tests/cli tests/lab
ALONE_TESTS := tests/lab

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{ printf "%-20s %s\n", $$1, $$2 }'

setup: $(INSTALLED)  ## .venv with everything pinned in requirements.txt and requirements-dev.txt

$(INSTALLED): requirements.txt requirements-dev.txt pyproject.toml .ci/setup
	@.ci/setup $(VENV)
	@touch $@

demo: $(INSTALLED)  ## a fleet, Airflow and one deploy of a new package; everything stays up to click through
	@$(BIN)/python -m lab.demo

demo-failure: $(INSTALLED)  ## the same, with a host that breaks: the deploy stops, is repaired and retried
	@$(BIN)/python -m lab.demo --failure

down: $(INSTALLED)  ## stop all that the demo started
	@$(BIN)/python -m lab.demo --down

# Cheapest first, so that a mistake shows early. `make soak` has the tests that run for minutes.
test: $(INSTALLED)  ## lint, then all tests: pure ones, then against the lab and in a real Airflow
	@$(MAKE) --no-print-directory -j2 lint debian-packages
	@$(PYTEST) -m "not lab and not airflow and not alone and not soak" -n auto
	@$(PYTEST) $(LAB_TESTS) -m "(lab or airflow) and not alone and not soak" -n auto --dist loadscope --timeout 900
	@$(PYTEST) $(ALONE_TESTS) -m "alone and not soak" --timeout 300

soak: $(INSTALLED)  ## the tests that run for minutes
	@$(PYTEST) -m soak --timeout 3600

lint: $(INSTALLED)  ## ruff (style and format) and mypy
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/mypy --no-error-summary

debian-packages:
	@.ci/debian-packages tests/debian-packages.txt

bench: $(INSTALLED) $(BENCH_INSTALLED)  ## the benchmarks, as ratios to what one would use instead
	@$(BIN)/python -m bench

# What the benchmarks compare with has an environment of its own, so that nothing of it gets into the product.
$(BENCH_INSTALLED): requirements-bench.txt $(INSTALLED)
	@$(BIN)/python -m venv --clear $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

requirements:  ## resolve requirements*.in into requirements*.txt again (needs uv)
	@command -v uv >/dev/null || { echo "make requirements needs uv: install it with 'pip install uv'." >&2; exit 1; }
	@for name in requirements requirements-dev requirements-bench; do \
	    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	        $$name.in -o $$name.txt || exit 1; \
	done
