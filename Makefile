# Every target makes its environment first; it is made again only when pyproject.toml changes.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
STAMP := $(VENV)/.installed
BIN := $(VENV)/bin
PRESET ?= quick
SEED ?= 0
WORKDIR ?= runs/quick
# Further flags of the pipeline, for example FLAGS="--recipe=float32 --target_latency=0.4".
FLAGS ?=
# Test files at a time; each takes up to 2 GB.
WORKERS ?= 2
OURS := nas export latency_models tools tests docs

.PHONY: help install search test test-integration lint format picture docs

help:
	@echo "make search            search, train, export and measure a network for CIFAR-10 on this machine"
	@echo "                       (PRESET=$(PRESET) SEED=$(SEED) WORKDIR=$(WORKDIR) FLAGS=)"
	@echo "make test              unit, contract, property and end-to-end tests"
	@echo "make test-integration  tests with whole processes and programs of the machine"
	@echo "make lint              format, lint, types, direction of imports"
	@echo "make format            write the format"
	@echo "make picture           draw README's pictures anew, from the report of WORKDIR"
	@echo "make docs              write docs/api.md from the docstrings"

install: $(STAMP)

$(STAMP): pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || { \
	  echo "error: expected Python 3.11, found $$("$(PYTHON)" --version 2>/dev/null || echo none):" \
	    "install it, or name it: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	@echo "installing into $(VENV) (first run only, about 2 min)"
	@"$(PYTHON)" -m venv "$(VENV)" || { \
	  echo "error: venv failed; on Debian: apt-get install python3.11-venv" >&2; exit 1; }
	@"$(BIN)/pip" install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

search: $(STAMP)
	@"$(BIN)/python" -m tools.pipeline --preset=$(PRESET) --seed=$(SEED) --workdir=$(WORKDIR) $(FLAGS)

test: $(STAMP)
	@"$(BIN)/python" -m pytest -q --numprocesses=$(WORKERS) --dist=loadfile

test-integration: $(STAMP)
	@"$(BIN)/python" -m pytest -q -m integration

lint: $(STAMP)
	@"$(BIN)/ruff" format --check $(OURS)
	@"$(BIN)/ruff" check $(OURS)
	@"$(BIN)/mypy"
	@"$(BIN)/lint-imports"

format: $(STAMP)
	@"$(BIN)/ruff" format $(OURS)
	@"$(BIN)/ruff" check --fix $(OURS)

picture: $(STAMP)
	@"$(BIN)/python" -m tools.report --workdir=$(WORKDIR)
	@bash docs/images/make.sh $(WORKDIR)

docs: $(STAMP)
	@"$(BIN)/python" docs/make_api.py
