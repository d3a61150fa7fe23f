# Everything on a fresh machine with Python 3.11 or newer, git and make: `make demo`, `make test`.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
TOGETHER := --numprocesses auto --dist loadfile -rs
PAGES := src/lithograph/api/static/index.html

.PHONY: help setup demo web web-where-possible chromium-where-possible test test-all chaos lint format lock clean

help:
	@echo "make setup     install everything into .venv"
	@echo "make demo      extract a graph from the bundled document, offline"
	@echo "make web       build the web pages; it takes Node.js 20 or newer"
	@echo "make test      the whole check, some minutes"
	@echo "make test-all  the check and the heavy tests"
	@echo "make chaos     kill, freeze and cut off workers and their server for three minutes, and compare the results"
	@echo "make format    format and fix the code"
	@echo "make lock      pin the newest versions anew"

setup: $(READY)

$(READY): requirements-dev.lock requirements-setup.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "make: Python 3.11 or newer is needed, this is " + sys.version.split()[0] + "; name another one with make PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-setup.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip sync --quiet --require-hashes requirements-dev.lock
	VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(READY)

demo: setup
	$(BIN)/litho demo

web: $(PAGES)

$(PAGES): web/node_modules/.ready $(shell find web -path web/node_modules -prune -o -type f -print)
	npm --prefix web run --silent build
	@touch $(PAGES)

web/node_modules/.ready: web/package-lock.json
	npm --prefix web ci --no-audit --no-fund --loglevel=error
	@touch $@

# Browser tests are skipped, with the reason, where there are no pages.
web-where-possible:
	@if command -v npm > /dev/null; then $(MAKE) --no-print-directory web && npm --prefix web test --silent; \
	else echo "npm is missing: the web pages are not built"; fi

# The same holds for a browser, which is installed where that can be done.
chromium-where-possible:
	@for name in chromium chromium-browser google-chrome; do command -v $$name > /dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null; then \
		echo "installing chromium for the browser tests"; \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } > /dev/null 2>&1 \
			|| echo "chromium cannot be installed: the browser tests are skipped"; \
	else echo "there is no chromium: the browser tests are skipped"; fi

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

test: lint web-where-possible chromium-where-possible
	$(BIN)/python -m pytest $(TOGETHER)

test-all: lint web-where-possible chromium-where-possible
	$(BIN)/python -m pytest $(TOGETHER) -m "heavy or not heavy"

chaos: setup
	$(BIN)/python -m lithograph.testing.chaos

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

LOCK := uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

lock: setup
	$(BIN)/$(LOCK) pyproject.toml --extra postgresql --extra telemetry --output-file requirements.lock
	$(BIN)/$(LOCK) pyproject.toml --extra postgresql --extra telemetry --group dev --output-file requirements-dev.lock
	echo uv | $(BIN)/$(LOCK) - --output-file requirements-setup.lock

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build
