PYTHON ?= python3
BIN := .venv/bin

# A process a core, four at most; one that is done takes tests over from the others.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

.PHONY: demo results test test-all golden fuzz lint check clean

demo: .venv/installed
	$(BIN)/orecast demo

# The public surveys' results page; examples/README.md says where the data come from.
results: .venv/installed
	$(BIN)/orecast compare examples/eskay/run.toml examples/tianshan/run.toml \
		--protocols leave-deposit-out,paper --output results --resume

test: .venv/installed-dev
	@echo "Running the tests that are not marked slow (4 minutes on 2 cores) …"
	$(PYTEST) -m "not slow"

test-all: .venv/installed-dev
	@echo "Running all tests (8 minutes on 2 cores) …"
	$(PYTEST) --durations 20

# What is computed, held against what is recorded in tests/golden/recorded.
golden: .venv/installed-dev
	$(BIN)/python tests/golden/golden.py compare

# A thousand damaged survey files and configurations: each is read or refused in words.
fuzz: .venv/installed-dev
	$(BIN)/python tests/fuzz.py --n 1000

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
	@echo "Installing orecast and its libraries into .venv (about 2 minutes; 7 GB, most of it torch) …"
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --editable .
	touch $@

.venv/installed-dev: .venv/installed
	@echo "Installing what the tests need …"
	$(BIN)/python -m pip install --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf .venv build .mypy_cache .ruff_cache .pytest_cache
