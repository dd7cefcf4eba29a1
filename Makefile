# Two commands set everything up on a machine with Python 3.11 and make:
#   make demo    installs, fetches the bundled model, compares seven prompt strategies on it, leaves a report
#   make test    installs and passes the tests
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed

.PHONY: help install demo test check bench clean

help:
	@sed -n 's/^#\( .*\)/\1/p' Makefile

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/kshot demo

test: $(STAMP)
	$(BIN)/python -m pytest

check: $(STAMP)
	$(BIN)/ruff format --check kshot tests bench
	$(BIN)/ruff check kshot tests bench
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@for script in kill_resume replay few_shot_cot self_consistency multiple_choice; do \
		[ ! -f bench/$$script.py ] || { echo "== bench/$$script.py"; $(BIN)/python bench/$$script.py || exit 1; }; \
	done

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache build *.egg-info
