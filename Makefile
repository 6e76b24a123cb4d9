# Each target installs what it needs, from constraints.txt, into .venv. `make help` prints the comments after `##`.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help dataset annotate docs test test-slow test-server bench bench-quick lint screenshots generate clean
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

help:  ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# The card's tables are updated first, so that pulled annotations are in them too.
dataset: .venv/base  ## update the generated files, then build the dataset into build/
	@$(BIN)/python scripts/generate.py
	@$(BIN)/python scripts/build.py

annotate: .venv/annotate  ## run a local Label Studio with the articles in it, until Ctrl-C
	$(BIN)/python scripts/label_studio.py serve --push

docs: .venv/docs  ## build the website of the pages into build/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

test: lint .venv/test  ## lint, then run the quick tests
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not slow and not server"

test-slow: .venv/test  ## run the other tests that need no server (a quarter of an hour)
	$(BIN)/python -m pytest -n auto --dist worksteal -m slow

# Label Studio is installed first if it is not there. A page that a busy machine kept from answering in time is tried once
# more; any other failure is final.
test-server: .venv/test  ## run the tests that need a real Label Studio and a real Chromium
	$(BIN)/python -m pytest -n 2 --dist loadfile -m server --reruns 1 --only-rerun TimeoutError

# On generated exports of up to 64,000 tasks.
bench: .venv/annotate  ## compare the speed of conversion with that of other converters (half an hour, 3 GB of disk)
	$(BIN)/python benchmarks/convert.py
	$(BIN)/python benchmarks/cores.py

bench-quick: .venv/base  ## time the stages of a build, and compare them with the committed figures (two minutes)
	$(BIN)/python benchmarks/quick.py

lint: .venv/test  ## check style, format and types
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

screenshots: .venv/test  ## take docs/*.png of the labelling page, in a real Label Studio and a real Chromium
	$(BIN)/python docs/make_screenshots.py

generate: .venv/base  ## make the labelling configuration, the guidelines, the card's tables, schemas and docs/reference
	$(BIN)/python scripts/generate.py
	$(BIN)/python docs/make_reference.py

clean:  ## delete build/
	rm -rf build

# Editable, so that scripts, tests and workers all import src/. A changed version or dependency installs anew.
.venv/base: pyproject.toml constraints.txt
	@echo "installing into .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(PIP) --editable .
	@touch $@

.venv/annotate: .venv/base
	$(PIP) --editable '.[annotate]'
	touch $@

.venv/docs: .venv/base
	$(PIP) --editable '.[docs]'
	touch $@

.venv/formats: .venv/base
	$(PIP) --editable '.[formats]'
	touch $@

.venv/release: .venv/base
	$(PIP) --editable '.[release]'
	touch $@

.venv/report: .venv/base
	$(PIP) --editable '.[report]'
	touch $@

.venv/scale: .venv/base
	$(PIP) --editable '.[scale]'
	touch $@

.venv/test: .venv/base
	$(PIP) --editable '.[test]'
	touch $@
