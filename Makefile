# make dataset · make annotate · make test · make test-slow · make test-server · make bench · make lint · make generate · make clean
# Each target installs what it needs, from constraints.txt, into .venv.

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: dataset annotate test test-slow test-server bench screenshots lint generate clean
.DELETE_ON_ERROR:

# With the tables of the card brought up to date first, so that pulled annotations are in them too.
dataset: .venv/base
	$(BIN)/python scripts/generate.py
	$(BIN)/python scripts/build.py

# A local Label Studio with the articles in it, until Ctrl-C.
annotate: .venv/annotate
	$(BIN)/python scripts/label_studio.py serve --push

test: lint .venv/test
	$(BIN)/python -m pytest -n auto -m "not slow and not server"

test-slow: .venv/test
	$(BIN)/python -m pytest -n auto -m slow

# With a real Label Studio, which is installed first if it is not there, and a real Chromium.
test-server: .venv/test
	$(BIN)/python -m pytest -n 2 --dist loadfile -m server

# Conversion beside what it is compared with, on generated exports of up to 64,000 tasks: about half an hour, 3 GB of disk.
bench: .venv/annotate
	$(BIN)/python benchmarks/convert.py

lint: .venv/test
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# docs/*.png: the labelling page, in a real Label Studio and a real Chromium.
screenshots: .venv/test
	$(BIN)/python docs/make_screenshots.py

generate: .venv/base
	$(BIN)/python scripts/generate.py

clean:
	rm -rf build

# Editable, so that scripts, tests and workers all import src/. A changed version or dependency installs anew.
.venv/base: pyproject.toml constraints.txt annotations/corpus.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/annotate: .venv/base
	$(PIP) --editable '.[annotate]'
	touch $@

.venv/release: .venv/base
	$(PIP) --editable '.[release]'
	touch $@

.venv/scale: .venv/base
	$(PIP) --editable '.[scale]'
	touch $@

.venv/test: .venv/base
	$(PIP) --editable '.[test]'
	touch $@
