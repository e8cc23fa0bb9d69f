# Each target works as the only command after a clone: it makes its own virtual environment.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo serve test test-all bench kill-matrix lint clean
.DEFAULT_GOAL := help

help:
	@echo "make demo      run a correct and a broken integration under scripted failures"
	@echo "make serve     start a local org on http://127.0.0.1:8080"
	@echo "make test      lint, types, import rules and the quick tests"
	@echo "make test-all  the same, and the long suites"
	@echo "make kill-matrix  run every broken integration, write harness/KILL_MATRIX.md"
	@echo "make bench     measure beside bare aiohttp + sqlite3, print ratios"

$(READY): pyproject.toml .ci/constraints.txt mock_server/protocols/pubsub/pubsub_api.proto
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "sfmock needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "this Python cannot make virtual environments (Debian: apt-get install python3-venv)"; exit 1; }
	@echo "setting up $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint .ci/constraints.txt --editable '.[dev]'
	@touch $@

demo: $(READY)
	@$(BIN)/python tests/demo.py

serve: $(READY)
	@$(BIN)/sfmock serve

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# A test that hangs is told, with the stacks of all threads, and fails; the others run on. A file's tests stay in one
# process: clients are installed once, servers started once.
WORKERS := -n auto --maxprocesses 4 --dist loadfile

test: lint
	$(BIN)/python -m pytest -m "not heavy" --timeout 300 $(WORKERS)

test-all: lint
	$(BIN)/python -m pytest --timeout 1800 $(WORKERS)

bench: $(READY)
	@$(BIN)/python -m tests.bench

kill-matrix: $(READY)
	@$(BIN)/python -m tests.kill_matrix

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
