# make dataset · make test · make test-slow · make lint · make generate · make clean
# Each target installs what it needs, from constraints.txt, into .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: dataset test test-slow lint generate clean
.DELETE_ON_ERROR:

dataset: .venv/base
	$(BIN)/python scripts/build.py

test: lint .venv/test
	$(BIN)/python -m pytest -m "not slow"

test-slow: .venv/test
	$(BIN)/python -m pytest -m slow

lint: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

generate: .venv/base
	$(BIN)/python scripts/generate.py

clean:
	rm -rf build

# Editable, so that scripts, tests and workers all import src/. A changed version or dependency installs anew.
.venv/base: pyproject.toml constraints.txt annotations/corpus.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/test: .venv/base
	$(PIP) --editable '.[test]'
	touch $@
