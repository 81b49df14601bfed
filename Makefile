# `make demo` and `make test` make the environment by themselves. Without a GPU, torch's build for CPUs saves
# 5 of 8 GB: make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu (the first time, or after `make clean`)
PYTHON ?= python3
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test lint clean

demo: $(READY)
	$(BIN)/coverfusion demo

# in parts: a worker that has loaded every library holds 3 GB; by name, as files with few tests take longest
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
test: $(READY)
	$(PYTEST) tests/data tests/features
	$(PYTEST) tests/fusion
	$(PYTEST) tests/experiments/[a-e]*/
	$(PYTEST) tests/experiments/[f-s]*/
	$(PYTEST) tests/experiments/t* tests/test_*.py

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	rm -rf build/types
	mkdir -p build/types/coverfusion
	ln -s $(CURDIR)/coverfusion/* $(addprefix $(CURDIR)/,data features fusion experiments) build/types/coverfusion
	$(BIN)/mypy

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
# torch 2.15.0+cpu satisfies ==2.15.0, so that the second step leaves it alone
ifneq ($(TORCH_INDEX),)
	$(BIN)/python -m pip install --no-deps --constraint constraints.txt --index-url $(TORCH_INDEX) torch torchvision
endif
	$(BIN)/python -m pip install --constraint constraints.txt --editable ".[dev]"
	touch $(READY)

clean:
	rm -rf $(VENV)
