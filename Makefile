# `make help` lists what there is. Everything runs in .venv, which is made from requirements.lock when it is first needed.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS := .venv-docs
UV_VERSION := 0.13.9
WORKERS ?= 2
TEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) --durations=40 --durations-min=10
export DO_NOT_TRACK := true
export MLFLOW_DISABLE_TELEMETRY := true
unexport PYTHONDONTWRITEBYTECODE # or every process compiles torch, MLflow and Kedro anew: half of a start
# A company's own certificate authority is among the system's.
export UV_SYSTEM_CERTS ?= true

.DEFAULT_GOAL := help
.PHONY: help install run compare ledger reproduce send test whole chaos fuzz golden overview docs lint format viz mlflow benchmark atlas browser lessons lock clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-10s %s\n", $$1, $$2}'

install: $(STAMP) ## make .venv with the locked versions; does nothing when they are there

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Genlab needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	command -v uv >/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	PATH="$(abspath $(BIN)):$$PATH" uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	PATH="$(abspath $(BIN)):$$PATH" uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

run: install ## train and evaluate pix2pix on the embedded data; says where everything is
	$(BIN)/kedro run --pipeline=pix2pix $(ARGS)

compare: install ## the leaderboard of all finished runs: data/08_reporting/leaderboard.html
	$(BIN)/kedro run --pipeline=compare $(ARGS)

ledger: install ## docs/ledger.md: published numbers beside those of finished runs (make ledger STORES="a/mlflow.db ...")
	$(BIN)/kedro ledger $(STORES)

atlas: install ## the lecture's tree with the newest run of every model: data/08_reporting/atlas.html
	$(BIN)/kedro run --pipeline=compare --nodes=atlas $(ARGS)

reproduce: install ## make a finished run again and say what differs: make reproduce RUN=<id or name>
	@test -n "$(RUN)" || { echo "which run? make reproduce RUN=<id>, from make mlflow or the leaderboard"; exit 1; }
	$(BIN)/kedro reproduce $(RUN) $(ARGS)

send: install ## send to MLflow what could not be sent while it was down
	$(BIN)/kedro send $(ARGS)

test: install ## run the tests, but for those that run whole commands
	$(TEST) -m "not chaos and not whole" $(ARGS)

whole: install ## run the tests that run whole commands: pipelines from data to report, sweeps, notebooks
	$(TEST) -m "whole and not chaos" $(ARGS)

browser: install ## the tests that need a real browser; installs Debian's where there is none
	command -v chromium chromium-browser google-chrome google-chrome-stable >/dev/null || { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; }
	GENLAB_BROWSER=required OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/test_viz.py tests/experiments/test_atlas_in_a_browser.py $(ARGS)

chaos: install ## the long campaign of faults: kills and full disks at every change of a file
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m chaos -s tests/chaos $(ARGS)

fuzz: install ## damaged files and flipped bits, by the hundred of each kind (make fuzz N=2000)
	OMP_NUM_THREADS=1 GENLAB_FUZZ=$(or $(N),500) $(BIN)/python -m pytest -q tests/data/test_fuzz.py tests/test_damage.py $(ARGS)

golden: install ## write the golden losses that are missing, such as a new model's
	OMP_NUM_THREADS=1 GENLAB_GOLDEN=write $(BIN)/python -m pytest tests/models/test_golden.py

overview: install ## write the table of files in docs/overview.md
	$(BIN)/python docs/overview.py

docs: install $(DOCS)/.installed ## build the site: build/site/index.html
	PYTHONPATH=docs $(BIN)/python -m pages build/pages
	$(DOCS)/bin/sphinx-build --quiet --fail-on-warning --keep-going --jobs 2 build/pages build/site
	PYTHONPATH=docs $(BIN)/python -m pages.links build/site

$(DOCS)/.installed: requirements-docs.lock | install
	PATH="$(abspath $(BIN)):$$PATH" uv venv --quiet --allow-existing --python $(BIN)/python $(DOCS)
	PATH="$(abspath $(BIN)):$$PATH" uv pip install --quiet --python $(DOCS)/bin/python --require-hashes -r requirements-docs.lock
	touch $@

lessons: install ## run the nine lessons, keep what they show, and test the answers (one: make lessons ARGS=4)
	$(BIN)/python notebooks/lessons/execute.py $(ARGS)
	$(BIN)/python -m pytest notebooks/lessons/answers

lint: install ## check style, types, the direction of imports, and the table of files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python docs/overview.py --check

format: install ## mend the style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

viz: install ## show the pipelines with their pictures in a browser (kedro-viz)
	$(BIN)/kedro viz run

mlflow: install ## show the runs in a browser (MLflow)
	$(BIN)/kedro mlflow $(ARGS)

benchmark: install ## images/s and peak memory of pix2pix at 256 x 256 on this machine
	$(BIN)/python -m genlab.benchmarks.speed $(ARGS)

LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --quiet --custom-compile-command "make lock"
lock: ## make requirements.lock and requirements-docs.lock anew from pyproject.toml (needs uv)
	$(LOCK) pyproject.toml --group dev --output-file requirements.lock
	$(LOCK) --group docs --output-file requirements-docs.lock

clean: ## remove .venv and caches, but no data
	rm -rf $(VENV) $(DOCS) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .viz
