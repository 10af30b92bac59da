# The two commands of the README. Each makes its own environment in .venv.
PYTHON ?= python3
BIN = .venv/bin
export OMP_NUM_THREADS = 1

.PHONY: demo test lint properties engines docs clean

.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "qdsurf needs Python 3.11 or later")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'torch'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/qdsurf screen examples/screen/cspbbr3.toml

test: .venv/ready
	$(BIN)/python -m pytest -n auto --maxprocesses 4 -m 'not engine and not slow and not cluster'

properties: .venv/ready
	QDSURF_CASES=thorough $(BIN)/python -m pytest -n auto --maxprocesses 4 -m 'property and not engine and not slow and not cluster'

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

engines: .venv/ready
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --durations 20 -m 'engine or slow or cluster'

docs: .venv/ready
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict
	$(BIN)/python -m pytest tests/test_site.py --site runs/site

clean:
	rm -rf .venv runs
