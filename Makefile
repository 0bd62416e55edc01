# Each command makes its own virtual environment in .venv on first use. PYTHON chooses the interpreter, VENV the place.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: mnist test lint benchmark fuzz clean

mnist: $(VENV)/installed            ## train a CNN on real digits and explain it with all methods
	$(BIN)/python examples/mnist.py

test: $(VENV)/installed             ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist worksteal

lint: $(VENV)/linters               ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

benchmark: $(VENV)/benchmark         ## speed and memory beside Captum, SHAP and Xplique; ARGUMENTS=--quick for less
	$(BIN)/python benchmarks/speed.py $(ARGUMENTS)

fuzz: $(VENV)/installed             ## random graphs and models against independent oracles; ARGUMENTS="--minutes 60 --seed 1"
	$(BIN)/python -m tests.fuzz $(ARGUMENTS)

$(VENV)/installed: setup.cfg
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[examples,test]"
	touch $@

$(VENV)/linters: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[lint]"
	touch $@

$(VENV)/benchmark: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[benchmark]"
	touch $@

clean:
	rm -rf $(VENV)
