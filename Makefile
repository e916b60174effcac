# `make` alone lists the targets. Needs Python 3.11 or newer, pip and git.

PORT ?= 8501
HOST ?= 127.0.0.1
PYTHON ?= python3

VENV := .venv
BIN := $(VENV)/bin
RUNTIME := $(VENV)/installed-runtime
DEVELOPMENT := $(VENV)/installed-development
CATALOGUES := crm/i18n/locales
RUSSIAN := $(CATALOGUES)/ru/LC_MESSAGES/voronka.po
BROWSERS := chromium chromium-browser google-chrome google-chrome-stable

export PYTHONPATH := $(CURDIR)
ifneq ($(PORT),8501)
export CRM_PUBLIC_URL ?= http://127.0.0.1:$(PORT)
endif
# LANG is always set by the shell; only `make demo LANG=en` chooses the language of the demo.
ifeq ($(origin LANG),command line)
DEMO_LANGUAGE := $(LANG)
else
DEMO_LANGUAGE := ru
endif

.DEFAULT_GOAL := help
.PHONY: help run migrate demo demo-clear test chromium check fix migration messages lock audit bench screenshots

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(RUNTIME) ## install what is missing, migrate, start (PORT=8501, HOST=127.0.0.1)
	@$(BIN)/python -m crm.cli migrate
	@exec $(BIN)/streamlit run app.py --server.port $(PORT) --server.address $(HOST)

migrate: $(RUNTIME) ## bring the database to the newest schema
	@$(BIN)/python -m crm.cli migrate

demo: migrate ## fill in a demo sales department (LANG=en for English)
	@$(BIN)/python -m crm.cli demo fill --language $(DEMO_LANGUAGE)

demo-clear: migrate ## take the demo out again
	@$(BIN)/python -m crm.cli demo clear

test: $(DEVELOPMENT) chromium ## run all tests, browser tests included
	@$(BIN)/python -m pytest $(ARGS)

check: $(DEVELOPMENT) ## format, lint and types, without changing files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

fix: $(DEVELOPMENT) ## mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

migration: $(DEVELOPMENT) ## write a migration from the models: make migration name="add tags"
	@test -n "$(name)" || { echo 'Say what changes: make migration name="add tags"'; exit 1; }
	@folder=$$(mktemp -d) && export CRM_DATABASE_URL="sqlite:///$$folder/empty.sqlite3" \
	&& number=$$(printf '%04d' $$(( $$(ls crm/db/migrations/versions/[0-9]*.py | wc -l) + 1 ))) \
	&& $(BIN)/alembic upgrade head \
	&& $(BIN)/alembic revision --autogenerate --rev-id "$$number" -m "$(name)" \
	&& rm -r "$$folder" && $(BIN)/ruff format crm/db/migrations/versions

messages: $(DEVELOPMENT) ## gather the texts of the code into the Russian catalogue
	@folder=$$(mktemp -d) \
	&& $(BIN)/pybabel -q extract --mapping=pyproject.toml --keyword=N_ --no-location --sort-output --width=120 \
	   --project=Voronka --output="$$folder/voronka.pot" crm pages app.py \
	&& $(BIN)/pybabel -q update --domain=voronka --locale=ru --input-file="$$folder/voronka.pot" \
	   --output-dir=$(CATALOGUES) --no-fuzzy-matching --ignore-obsolete --width=120 \
	&& sed -i.old -E '/^"(Report-Msgid-Bugs-To|POT-Creation-Date|PO-Revision-Date|Last-Translator|Language-Team|Generated-By):/d' \
	   $(RUSSIAN) && rm -r $(RUSSIAN).old "$$folder"

lock: $(DEVELOPMENT) ## write the locked requirements again (ARGS=--upgrade takes newer versions)
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header $(ARGS) \
	  --output-file requirements.txt requirements.in
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header $(ARGS) \
	  --constraint requirements.txt --output-file requirements-dev.txt requirements-dev.in
	$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header $(ARGS) \
	  --constraint requirements.txt --output-file requirements-scale.txt requirements-scale.in

audit: $(DEVELOPMENT) ## look the locked packages up in the list of known holes (needs internet)
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.txt

bench: $(DEVELOPMENT) ## measure at a million deals or DEALS=... (bench/README.md says how to read it)
	@$(BIN)/python -m bench $(if $(DEALS),--deals $(DEALS)) $(ARGS)

screenshots: $(DEVELOPMENT) chromium ## make the pictures of docs/img
	@$(BIN)/python -m tests.e2e.screenshots $(ARGS)

chromium:
	@for name in $(BROWSERS); do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "Installing Chromium for the browser tests"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	  apt-get install -qq -y --no-install-recommends chromium fonts-liberation >/dev/null && command -v chromium >/dev/null && exit 0; \
	fi; \
	echo "The browser tests need Chromium. Install it, so that one of these is on the PATH: $(BROWSERS)."; exit 1

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Voronka needs Python 3.11 or newer. Say which one: make run PYTHON=python3.12"; exit 1; }
	@echo "Making the environment in $(VENV)"
	@# Debian's python3 comes without ensurepip; its pip can still install into another environment.
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || \
	  { $(PYTHON) -m venv --clear --without-pip $(VENV) && $(PYTHON) -m pip --python $(VENV) install -q pip; }

$(RUNTIME): requirements.txt | $(BIN)/python
	@echo "Installing packages"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(DEVELOPMENT): requirements-dev.txt requirements.txt | $(BIN)/python
	@echo "Installing packages for development"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $(RUNTIME) $@
