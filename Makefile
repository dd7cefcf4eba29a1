# Two commands set everything up on a machine with Python 3.11 and make:
#   make demo    installs, fetches the bundled model, compares prompt strategies on it, runs a classic experiment
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
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "kshot needs Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV), once; some minutes ..."
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

demo: $(STAMP)
	$(BIN)/kshot demo
	$(BIN)/kshot classic run overfitting-ladder

# two files at a time, each with one thread: small tests gain nothing from more
test: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

check: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@for script in few_shot_cot self_consistency multiple_choice mixed memory kill_resume bad_input replay report_scale tuning_overhead classic; do \
		echo "== bench/$$script.py"; $(BIN)/python bench/$$script.py || exit 1; \
	done

clean:
	rm -rf $(VENV) .mypy_cache .hypothesis .ruff_cache .pytest_cache build *.egg-info
