# Everything a newcomer needs: `make run` and `make test`. `make help` lists the rest.
# Needs Python 3.11 or newer with venv, make and a package registry; pip's own configuration is used.

.DEFAULT_GOAL := help
.PHONY: run test quick check verify fix bench lock sbom audit help

BIN := .venv/bin
STAMP := .venv/.installed
# What was compiled once is kept, whatever the machine says: else every command and test compiles anew.
export PYTHONDONTWRITEBYTECODE =
LOCKS := requirements/build.txt requirements/dev.txt requirements/uv.txt

# A copied or moved checkout holds scripts that point at the old place: install again.
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

$(STAMP): pyproject.toml $(LOCKS) requirements/install.py
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	  then $$python requirements/install.py && printf %s "$(CURDIR)" > $@; exit $$?; fi; \
	done; echo "Python 3.11 or newer with venv is needed; none was found." >&2; exit 2

run: $(STAMP) ## serve the demo practice on this machine (TWELVEWEEKS_PORT, default 8000)
	@$(BIN)/twelveweeks demo --serve

test: $(STAMP) ## unit and database tests on SQLite and PostgreSQL
	$(BIN)/pytest -n 2 --ignore=tests/verify

quick: $(STAMP) ## rules, house checks and bookings, holds and dates on SQLite alone: while you work
	$(BIN)/pytest -n 2 --database=sqlite --hypothesis-profile=quick tests/domain tests/house \
	  --ignore=tests/house/test_supply_chain.py --ignore=tests/house/test_readme.py \
	  $(addprefix tests/api/scheduling/test_,anchor.py bookings.py days.py holds.py)

check: $(STAMP) ## lint, format, types, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy app tests benchmarks migrations
	$(BIN)/lint-imports

verify: $(STAMP) ## the longer checks: time zones, concurrency, fuzzing, kills
	$(BIN)/pytest -m verify tests/verify

fix: $(STAMP) ## put the code in the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure against the hand-written floors, write benchmarks/RESULTS.md
	$(BIN)/python -m benchmarks

lock: $(STAMP) ## resolve requirements/*.in again; the locks carry hashes and no addresses
	@$(BIN)/python requirements/lock.py

sbom: $(STAMP) ## write the bill of materials to build/sbom.json; fails on a licence not allowed
	@$(BIN)/python requirements/sbom.py build/sbom.json

audit: $(STAMP) ## known vulnerabilities in what is locked; fails when nobody can be asked, too
	@$(BIN)/python requirements/audit.py

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
