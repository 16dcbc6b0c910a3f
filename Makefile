# Every command of README and CI. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv/bin

# The newest Python that is 3.11 or later; everything else is brought by `make setup`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help setup run demo-month doctor nlu test check standard bench drills attack nlu-report lock screens clean

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

setup: prerequisites ## all of the set-up: both environments, model, database, sample company (nothing that is there is done again)
	@$(PYTHON) ops/setup.py app nlu model settings database

run: setup ## start everything under one supervisor and print the addresses (Ctrl-C stops all of it)
	@exec $(VENV)/python -m ops.run

demo-month: prerequisites ## December of a company with 100,000 households, lived through by the product (10 min; CONTACTS=n, SHOW=1 opens the console on it)
	@$(PYTHON) ops/setup.py app nlu model settings
	@$(VENV)/python -m ops.month $(if $(SHOW),show) $(if $(CONTACTS),--contacts $(CONTACTS))

nlu: prerequisites ## the understanding server alone, in the foreground, on 127.0.0.1:5005
	@$(PYTHON) ops/setup.py app nlu model settings database
	@exec bot/.venv/bin/python bot/serve.py

test: prerequisites ## the whole gate: lint, types, contracts, then every test on SQLite, PostgreSQL, Rasa and Chromium
	@$(PYTHON) ops/setup.py dev nlu model settings database system
	@$(MAKE) --no-print-directory check
	@$(VENV)/python -m pytest

check: prerequisites ## lint, types, import floors
	@$(PYTHON) ops/setup.py dev
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .
	@$(VENV)/mypy
	@$(VENV)/lint-imports

standard: prerequisites ## the service standard clause by clause: what keeps it, what proves it, what is not kept yet
	@$(PYTHON) ops/setup.py dev
	@$(VENV)/python -m ops.standard

doctor: prerequisites ## what would keep an emergency from reaching somebody: carrier, numbers, rota, robots, model, database, clock, disk
	@$(PYTHON) ops/setup.py app settings database
	@$(VENV)/flask --app app doctor

bench: prerequisites ## one turn against a bare parse, callers against Rasa's own channel, memory (writes docs/bench.md); SCALE=1: a million tickets on both databases, a thousand widgets, 12 min (docs/scale.md)
	@$(PYTHON) ops/setup.py dev nlu model settings database $(if $(SCALE),system)
	@$(VENV)/python -m $(if $(SCALE),ops.scale,ops.bench)

drills: prerequisites ## breaks the product while emergencies run and counts (30 min; QUICK=1: 3 min; PROVE=1: each drill must turn red; ONLY=name: that one; writes docs/drills.md)
	@$(PYTHON) ops/setup.py dev nlu model settings database system
	@$(VENV)/python -m ops.drills $(if $(QUICK),--quick) $(if $(PROVE),--prove) $(if $(ONLY),--only $(ONLY))

attack: prerequisites ## schemathesis at the chat's API, wapiti at chat and console (8 min; writes docs/attack.md)
	@$(PYTHON) ops/setup.py dev nlu model settings database
	@$(VENV)/python -m ops.attack

nlu-report: prerequisites ## how well is it understood: held-out and cross-validated figures, noise, peers (writes docs/nlu.md)
	@$(PYTHON) ops/setup.py dev nlu model settings database
	@$(VENV)/python -m ops.nlu_report

screens: prerequisites ## screenshots of the main pages into docs/screens/
	@$(PYTHON) ops/setup.py dev nlu model settings database system
	@$(VENV)/python -m ops.screens

lock: prerequisites ## resolve requirements*.in again and lock them with hashes
	@$(PYTHON) ops/setup.py app lock

clean: ## remove environments, models, database (asks nothing; .env stays)
	rm -rf .venv bot/.venv bot/models bot/.rasa var

.PHONY: prerequisites
prerequisites:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or later is missing: install python3.11 (Debian: apt install python3.11 python3.11-venv, macOS: brew install python@3.11)" >&2; exit 1; }
	@command -v git >/dev/null || { echo "make: git is missing: install git" >&2; exit 1; }
