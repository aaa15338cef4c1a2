# Everything happens in a virtual environment of its own, made on first use.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: demo gallery reproduce docs test properties lint dist bench gpu oldest clean

demo: $(VENV)/demo
	MPLBACKEND=Agg $(BIN)/python examples/demo.py

gallery: $(VENV)/demo
	for example in examples/plot_*.py; do \
	    echo "$$example"; MPLBACKEND=Agg $(BIN)/python $$example || exit 1; \
	done

# The claims of the papers: quick shows that the scripts run, reduced and full write
# docs/results. What was computed before is not computed again.
SCALE ?= quick
reproduce: $(VENV)/demo
	for claim in examples/reproduce_*.py "examples/reproduce_core_size.py --layers 2"; do \
	    echo "$$claim"; MPLBACKEND=Agg $(BIN)/python $$claim --scale $(SCALE) || exit 1; \
	done

# The pages, in docs/_build/html. Every warning is an error; the examples are run.
docs: $(VENV)/docs
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

test: $(VENV)/test
	$(BIN)/python -m pytest -n 2

# What must hold for every call, on many drawn cases: some ten minutes on two cores.
CASES ?= 20000
properties: $(VENV)/test
	SKSPECTRAL_CASES=$(CASES) $(BIN)/python -m pytest -n 2 tests/test_properties.py

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	$(BIN)/mypy
	$(BIN)/repo-review --show err .
	$(BIN)/zizmor --offline -q .

# What is published: sdist and wheel in dist/. The wheel is installed into an environment
# of its own and used there, away from the sources.
dist: $(VENV)/dev
	rm -rf dist $(VENV)-dist
	$(BIN)/pyproject-build
	$(BIN)/twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(PYTHON) -m venv $(VENV)-dist
	$(VENV)-dist/bin/pip install -q -c constraints.txt dist/*.whl
	cd "$$(mktemp -d)" && $(abspath $(VENV)-dist)/bin/python -I $(CURDIR)/scripts/smoke.py

bench: $(VENV)/demo
	$(BIN)/python benchmarks/step.py
	$(BIN)/python benchmarks/fits.py
	$(BIN)/python benchmarks/floor.py
	$(BIN)/python benchmarks/shrink.py
	$(BIN)/python benchmarks/many.py
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/teachers.py
	$(BIN)/python benchmarks/tables.py
	$(BIN)/python benchmarks/california.py
	$(BIN)/python benchmarks/widths.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/inputs.py
	$(BIN)/python benchmarks/curves.py
	$(BIN)/python benchmarks/predict.py
	$(BIN)/python benchmarks/caveats.py

# On a machine with a GPU and torch, scikit-learn, narwhals and pytest; installs nothing.
GPU_OUT ?= gpu.jsonl
gpu:
	PYTHONPATH=. $(PYTHON) -m pytest -q -m gpu -p no:cacheprovider tests
	PYTHONPATH=. $(PYTHON) benchmarks/gpu.py --out $(GPU_OUT)

# The lower bounds of pyproject.toml, on the same tests.
oldest:
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/pip install -q -c constraints-oldest.txt -e ".[test]"
	$(VENV)-oldest/bin/python -m pytest -n 2 -W default

$(VENV)/demo: pyproject.toml constraints.txt
	@echo "Installing into $(VENV): numpy, scipy, scikit-learn, torch (about 200 MB where"
	@echo "pip finds the CPU build, some GB where it brings CUDA), joblib, pandas, matplotlib."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e ".[plot,pandas]"
	@touch $@

$(VENV)/docs: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e ".[docs]"
	@touch $@

$(VENV)/test: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e ".[plot,pandas,test]"
	@touch $@

$(VENV)/dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e ".[plot,pandas,dev]"
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-dist dist out .hypothesis
	rm -rf docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst
