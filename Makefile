# Needs Python >= 3.11 and make; everything else is installed below this directory.
# `make help` lists the targets. ONCE=1 lets the demo end by itself.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo run test check clean

VENV := .venv
BIN := $(VENV)/bin
PYTHON_INSTALLED := $(VENV)/.requirements-installed
NODE_INSTALLED := node_modules/.installed
VENDOR := static/vendor/LICENSES.txt
CATALOGUES := $(wildcard locale/*/LC_MESSAGES/*.po)

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*##  *\(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r target words; do \
		printf '  %-12s %s\n' "$$target" "$$words"; done

setup: $(PYTHON_INSTALLED) $(VENDOR) $(CATALOGUES:.po=.mo)  ## install everything below this directory
	@:

demo: setup  ## load the demo, send its mailings through the sandbox (ONCE=1: end when all is sent)
	@$(BIN)/python manage.py demo $(if $(ONCE),--once)

run: setup  ## run the product on this machine until Ctrl-C
	@$(BIN)/python manage.py run

test: setup  ## run the tests
	@$(BIN)/python -m pytest -n 2 $(ARGS)

check: setup  ## style, types, layers, templates, migrations, translations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python manage.py templates
	@find templates -name '*.html' -exec $(BIN)/djade --target-version 5.2 --check {} +
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python -m config.translations --check

clean:  ## remove what setup made; data in var/ stays
	rm -rf $(VENV) node_modules static/vendor locale/*/LC_MESSAGES/*.mo

$(PYTHON_INSTALLED): requirements/dev.txt
	@set -e; \
	python=; \
	for name in python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Hatobin needs Python 3.11 or newer and found none on PATH: install python3." >&2; \
		exit 1; fi; \
	if ! "$$python" -c 'import ensurepip, venv' 2>/dev/null; then \
		echo "This Python cannot make virtual environments: install its venv package" \
			"(Debian, Ubuntu: apt install python3-venv)." >&2; \
		exit 1; fi; \
	[ -x $(BIN)/python ] || "$$python" -m venv $(VENV)
	@echo "Installing Python packages ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--use-pep517 --require-hashes -r requirements/dev.txt
	@touch $@

$(NODE_INSTALLED): package-lock.json .npmrc | $(PYTHON_INSTALLED)
	@set -e; \
	if node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' 2>/dev/null \
		&& npm --version >/dev/null 2>&1; then :; else \
		echo "No Node.js >= 20 on PATH: installing it into $(VENV) ..."; \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
			--require-hashes -r requirements/node.txt; \
		PATH="$$PWD/$(BIN):$$PATH"; NODE_USE_SYSTEM_CA=1; export PATH NODE_USE_SYSTEM_CA; \
	fi; \
	echo "Installing web assets ..."; \
	npm ci --loglevel=error --no-progress >&2
	@touch $@

$(VENDOR): $(NODE_INSTALLED) config/assets.py config/icons.py
	@$(BIN)/python -m config.assets

locale/%.mo: locale/%.po | $(PYTHON_INSTALLED)
	@$(BIN)/python -m config.translations
