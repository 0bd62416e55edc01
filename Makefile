# Each command makes its own virtual environment in .venv on first use. PYTHON chooses the interpreter, VENV the place.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
export TF_CPP_MIN_LOG_LEVEL ?= 2
# of the machine, before it listens to the level above
SAID_BY_TENSORFLOW = ^[IWE]0000 \|^WARNING: All log messages before absl

.PHONY: mnist test night lint docs benchmark fuzz clean

mnist: $(VENV)/installed            ## train a CNN on real digits and explain it with all methods
	@$(BIN)/python examples/mnist.py 2>$(VENV)/stderr || { cat $(VENV)/stderr >&2; false; }
	@grep -v '$(SAID_BY_TENSORFLOW)' $(VENV)/stderr >&2 || true

# two processes on two cores: with more threads in each they wait for one another, half of the time again
test night: export OMP_NUM_THREADS = 1
test night: export OPENBLAS_NUM_THREADS = 1

test: $(VENV)/installed             ## the whole test suite; tests/tf1 apart, with the behaviour of TensorFlow 1
	$(BIN)/python -m pytest -n 2 --dist worksteal tests --ignore=tests/tf1
	$(BIN)/python -m pytest -n 2 --dist worksteal tests/tf1

night: $(VENV)/installed            ## what takes long: deep networks; Hypothesis with many examples and new seeds
	$(BIN)/python -m pytest -n 2 --dist worksteal -m night tests
	$(BIN)/python -m pytest -n 2 --dist worksteal --hypothesis-profile=night tests/attribution/test_random_graphs.py

lint: $(VENV)/linters               ## style and types
	$(BIN)/ruff check .
	$(BIN)/mypy

docs: export OMP_NUM_THREADS = 1
docs: $(VENV)/docs                  ## the documentation, with its examples run, in docs/_build/html; a warning is an error
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html

benchmark: $(VENV)/benchmark         ## speed and memory beside Captum, zennit, SHAP and Xplique; ARGUMENTS=--quick for less
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

$(VENV)/docs: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	touch $@

$(VENV)/benchmark: $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[benchmark]"
	touch $@

clean:
	rm -rf $(VENV) docs/_build docs/gallery docs/reference/generated docs/_pictures
