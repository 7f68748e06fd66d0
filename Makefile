# Two commands: `make sweep` trains the report's networks on real images, `make test` proves the code.
# Everything is installed into .venv with the versions of constraints.txt; nothing else on the machine changes.

SHELL := /bin/bash
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$each && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Two at a time, for the tests mostly wait for processes; by file, whose tests share what they set up; in their order,
# which has the long ones first.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

.PHONY: help sweep test test-long browser lint format lock clean bench bench-quick bench-curves bench-peers

help:
	@echo "make sweep      install, get Fashion-MNIST, train the grouped experiments as a quick look (10 minutes)"
	@echo "make test       install and run the tests (under 10 minutes)"
	@echo "make test-long  faults, kills and fresh environments"
	@echo "make lint       ruff, mypy, import-linter"
	@echo "make bench        what makes a sweep cheap, measured: an hour on two idle cores; make bench-quick 10 minutes"
	@echo "make bench-curves train what the searches are replayed on again, in build/curves (an hour; goes on where it ended)"
	@echo "make bench-peers  sweep beside KerasTuner, Optuna and Ray Tune, five minutes each, three times (an hour)"

sweep: .venv/installed
	$(BIN)/sweep start --family grouped --limit 700 --epochs 4 --batch-size 16 --trials 8 --timeout 9m30s

test: .venv/installed-dev browser
	$(BIN)/pytest -m "not long" $(PARALLEL)

test-long: .venv/installed-dev browser
	$(BIN)/pytest -m long --timeout 900 $(PARALLEL)

# The tests look at the pages in a real browser: installed where that can be done without asking.
browser:
	@command -v chromium chromium-browser google-chrome > /dev/null \
		|| { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && echo "Installing Chromium ..." \
			&& apt-get update -qq && apt-get install -qq --yes --no-install-recommends chromium > /dev/null; } \
		|| echo "No Chromium here: the browser tests will fail, or are left out by SWEEP_TESTS_WITHOUT_BROWSER=1."

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Exact versions for Python 3.11 to 3.13 on Linux and macOS, without addresses.
lock: .venv/installed-dev
	$(INSTALL) uv
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --extra dev --extra jax --upgrade \
		--no-annotate --no-header --quiet -o constraints.txt

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "sweep needs Python 3.11, 3.12 or 3.13. Install one, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.12"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv (TensorFlow is 600 MB: a few minutes the first time) ..."
	$(INSTALL) -e .
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv, with what the tests need ..."
	$(INSTALL) -e '.[dev]'
	@touch .venv/installed $@

bench: .venv/installed-dev build/narrow
	PYTHONPATH=build/narrow $(BIN)/python benchmarks/bench.py $(ARGS)

bench-quick: .venv/installed-dev build/narrow
	PYTHONPATH=build/narrow $(BIN)/python benchmarks/bench.py --quick $(ARGS)

bench-curves: .venv/installed-dev build/narrow
	PYTHONPATH=build/narrow $(BIN)/python benchmarks/record.py --home build/curves $(ARGS)

# A family of the benchmarks' own, beside the environment: the tests look at the families that sweep has.
build/narrow: benchmarks/narrow/narrow.py benchmarks/narrow/pyproject.toml
	$(INSTALL) --no-deps --upgrade --target $@ ./benchmarks/narrow
	@touch $@

# Other libraries than the project's: an environment of its own. In pieces: make bench-peers ARGS='--systems sweep'
bench-peers: .venv-peers/installed
	.venv-peers/bin/python -m benchmarks.peers $(ARGS)

.venv-peers/installed: pyproject.toml constraints.txt benchmarks/narrow/pyproject.toml benchmarks/peers/requirements.txt
	@echo "Installing sweep and its peers into .venv-peers ..."
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . -e benchmarks/narrow \
		-r benchmarks/peers/requirements.txt
	@touch $@

clean:
	rm -rf .venv .venv-peers .test-data build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
