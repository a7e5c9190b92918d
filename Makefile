PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo results test lint check clean

demo: .venv/installed
	$(BIN)/orecast demo

# The public surveys' results page; examples/README.md says where the data come from.
results: .venv/installed
	$(BIN)/orecast compare examples/eskay/run.toml examples/tianshan/run.toml \
		--protocols leave-deposit-out,paper --output results --resume

# A process a core, four at most; the tests of one file stay in one, with what they share.
test: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

# Twenty kills of each long command; what it goes on to must equal what an undisturbed one writes.
.PHONY: soak
soak: .venv/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python tests/soak.py

check: lint test

lint: .venv/installed-dev
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest --doctest-modules src

.venv/installed: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "orecast needs Python 3.11 to 3.13; set one with: make PYTHON=python3.12 …")'
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache
