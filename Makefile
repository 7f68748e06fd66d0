# Two commands: `make sweep` trains the report's networks on real images, `make test` proves the code.
# Everything is installed into .venv with the versions of constraints.txt; nothing else on the machine changes.

SHELL := /bin/bash
PYTHON ?= $(shell for each in python3.13 python3.12 python3.11 python3; do \
	$$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$each && break; done)
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# A host with an NVIDIA GPU gets what TensorFlow needs to see it.
GPU := $(if $(wildcard /proc/driver/nvidia/gpus/*),gpu)

# Two at a time, for the tests mostly wait for processes; by file, whose tests share what they set up; in their order,
# which has the long ones first.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder

# The tests start the project's programs a thousand times: none should compile it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help sweep test test-long browser lint format lock clean bench bench-quick bench-curves bench-peers reproduce up down

help:
	@echo "make sweep      install, get Fashion-MNIST, train the grouped experiments as a quick look (10 minutes)"
	@echo "make test       install and run the tests (about 10 minutes)"
	@echo "make test-long  faults, kills and fresh environments (about 15 minutes)"
	@echo "make lint       ruff, mypy, import-linter"
	@echo "make up         PostgreSQL, a worker and the dashboard in containers; make down stops them, and keeps what they made"
	@echo "make bench        what makes a sweep cheap, measured: an hour on two idle cores; make bench-quick 10 minutes"
	@echo "make bench-curves train what the searches are replayed on again, in build/curves (an hour; goes on where it ended)"
	@echo "make reproduce    the report's networks on all images, three seeds each: says first how long that takes; goes on where it ended"
	@echo "make bench-peers  sweep beside KerasTuner, Optuna and Ray Tune, five minutes each, three times (an hour)"

sweep: .venv/installed
	$(BIN)/sweep start --family grouped --limit 700 --epochs 4 --batch-size 16 --trials 8 --timeout 9m30s

test: .venv/installed-dev browser
	$(BIN)/pytest -m "not long" $(PARALLEL)

# Three at a time: a third of their time these wait for locks, dead hosts and stopped servers, and no core should.
test-long: .venv/installed-dev browser
	$(BIN)/pytest -m long --timeout 900 $(PARALLEL) -n 3

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
	$(INSTALL) -e '.$(GPU:%=[%])'
	@touch $@

.venv/installed-dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv, with what the tests need ..."
	$(INSTALL) -e '.[dev$(GPU:%=,%)]'
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

reproduce: .venv/installed
	$(BIN)/python benchmarks/reproduce.py $(ARGS)

# Other libraries than the project's: an environment of its own. In pieces: make bench-peers ARGS='--systems sweep'
bench-peers: .venv-peers/installed
	.venv-peers/bin/python -m benchmarks.peers $(ARGS)

.venv-peers/installed: pyproject.toml constraints.txt benchmarks/narrow/pyproject.toml benchmarks/peers/requirements.txt
	@echo "Installing sweep and its peers into .venv-peers ..."
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . -e benchmarks/narrow \
		-r benchmarks/peers/requirements.txt
	@touch $@

# Docker's plugin, or the program of its own that came before it; nothing without a running engine.
COMPOSE = $(shell { docker compose version > /dev/null 2>&1 && echo docker compose; } \
	|| { command -v docker-compose > /dev/null && echo docker-compose; })

up: .env
	@test -n "$(COMPOSE)" && docker info > /dev/null 2>&1 || { echo "Docker with its Compose plugin is needed, running and open to you" \
		"(https://docs.docker.com/engine/install). Without it: make sweep trains on this machine."; exit 1; }
	$(COMPOSE) up --build --detach $(ARGS)
	@echo "Dashboard: http://127.0.0.1:8080, any user name; its password is SWEEP_DASHBOARD_PASSWORD in .env."
	@echo "What the workers do: $(COMPOSE) logs --follow worker. More of them: make up ARGS='--scale worker=4'"

down:
	$(COMPOSE) down

# Written once: the database takes its passwords when it is made. Nobody else may read it.
.env:
	@umask 077 && word() { od -An -N16 -tx1 /dev/urandom | tr -d ' \n'; } && { \
		echo "# Passwords, made by chance. Compose reads them here; Kubernetes takes a Secret of this file."; \
		for name in POSTGRES_PASSWORD POSTGRES_WORKER_PASSWORD POSTGRES_READER_PASSWORD SWEEP_DASHBOARD_PASSWORD; do \
			echo "$$name=$$(word)"; \
		done; \
		echo "AWS_ACCESS_KEY_ID=sweep"; \
		echo "AWS_SECRET_ACCESS_KEY=$$(word)"; \
		echo; \
		echo "# What is swept: every option of sweep create is a variable. Changed lines count from the next make up."; \
		echo "#SWEEP_FAMILY=isolated"; \
		echo "#SWEEP_TRIALS=50"; \
		echo; \
		echo "# Files of trials in a store of their own:"; \
		echo "#COMPOSE_PROFILES=s3"; \
		echo "#SWEEP_ARTIFACTS=s3://sweep/trials"; \
		echo "#AWS_ENDPOINT_URL=http://s3:8333"; \
	} > .env.new && mv .env.new .env && echo "Wrote .env, with passwords of its own."

clean:
	rm -rf .venv .venv-peers .test-data build *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
