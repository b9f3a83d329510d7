# Every target makes its environment first; it is made again only when pyproject.toml changes.

# The first of these that is supported and has venv, or else the first that is supported. An
# environment that is there keeps its Python.
PYTHONS = "$(BIN)/python" python3.11 python3.13 python3.12 python3
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
WITH_VENV := import ensurepip, venv
PYTHON ?= $(shell for check in '$(WITH_VENV); $(SUPPORTED)' '$(SUPPORTED)'; do \
  for name in $(PYTHONS); do "$$name" -c "$$check" 2>/dev/null && echo "$$name" && exit; done; \
  done; echo python3)
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
	@echo "make test              unit, contract and property tests"
	@echo "make test-integration  whole runs and processes, and programs of the machine"
	@echo "make lint              format, lint, types, direction of imports"
	@echo "make format            write the format"
	@echo "make picture           draw README's pictures anew, from the report of WORKDIR"
	@echo "make docs              write docs/api.md from the docstrings"

install: $(STAMP)

$(STAMP): pyproject.toml
	@python="$(PYTHON)"; \
	version() { "$$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }; \
	"$$python" -c '$(SUPPORTED)' 2>/dev/null || { \
	  echo "error: expected Python 3.11, 3.12 or 3.13, found" \
	    "$$(version "$$python" || echo none) ($$python): install one of them, or name it:" \
	    "make PYTHON=/path/to/python3.13 ..." >&2; exit 1; }; \
	"$$python" -c '$(WITH_VENV)' 2>/dev/null || { \
	  echo "error: expected Python's venv, found none in $$python:" \
	    "on Debian and Ubuntu: apt-get install python$$(version "$$python")-venv" >&2; exit 1; }; \
	echo "installing into $(VENV) (first run only, about 2 min)"; \
	clear=; [ ! -e "$(VENV)/pyvenv.cfg" ] || \
	  [ "$$(version "$(BIN)/python")" = "$$(version "$$python")" ] || clear=--clear; \
	"$$python" -m venv $$clear "$(VENV)"
	@"$(BIN)/pip" install --quiet --disable-pip-version-check --use-pep517 --editable '.[dev]'
	@touch $@

search: $(STAMP)
	@"$(BIN)/python" -m tools.pipeline --preset=$(PRESET) --seed=$(SEED) --workdir="$(WORKDIR)" $(FLAGS)

test: $(STAMP)
	@"$(BIN)/python" -m pytest -q --numprocesses=$(WORKERS) --dist=loadfile

test-integration: $(STAMP)
	@"$(BIN)/python" -m pytest -q -m integration --numprocesses=$(WORKERS) --dist=loadfile \
	  --no-loadscope-reorder

lint: $(STAMP)
	@"$(BIN)/ruff" format --check $(OURS)
	@"$(BIN)/ruff" check $(OURS)
	@"$(BIN)/mypy"
	@"$(BIN)/lint-imports"

format: $(STAMP)
	@"$(BIN)/ruff" format $(OURS)
	@"$(BIN)/ruff" check --fix $(OURS)

picture: $(STAMP)
	@"$(BIN)/python" -m tools.report --workdir="$(WORKDIR)"
	@bash docs/images/make.sh "$(WORKDIR)"

docs: $(STAMP)
	@"$(BIN)/python" docs/make_api.py
