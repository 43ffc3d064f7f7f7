# make demo: hear it. make test: check it. Both live in .venv, which is made when it is missing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Python 3.10 installs without the pins: see the head of constraints.txt.
PINS = $(shell $(BIN)/python -c 'import sys; print("-c constraints.txt" if sys.version_info >= (3, 11) else "")')

.PHONY: demo test

demo: $(VENV)/demo.stamp
	$(BIN)/bassnet demo --out demo-out

test: $(VENV)/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m pytest -q

$(VENV)/demo.stamp: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) install $(PINS) -e .
	touch $@

$(VENV)/test.stamp: pyproject.toml constraints.txt | $(BIN)/pip
	$(PIP) install $(PINS) -e '.[training,device,dev,estimators]'
	$(PIP) install $(PINS) --no-deps --no-build-isolation torchcrepe madmom pesto-pitch
	touch $@ $(VENV)/demo.stamp

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)
