# make demo: see it work. make test: what every change must pass. make docs, make clean: as they say.
# Needs Python 3.11 or newer; everything else goes into .venv (and, on Debian as root, into the system).
# make test THREADS=4: let PyTorch compute with several threads in each of the two test processes.

SHELL := bash
PYTHON ?= python3
THREADS ?= 1
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --progress-bar off --constraint constraints.txt
SCREEN := -screen 0 1600x1000x24

.PHONY: demo test docs clean libraries

demo: $(VENV)/.for-demo
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname)" = Darwin ]; then \
		$(BIN)/python scripts/demo.py; \
	else \
		echo "No display here: the demonstration goes on without a window."; \
		$(BIN)/python -m napari_cryorestore demo demo-output; \
	fi

test: $(VENV)/.for-dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	@xvfb=$$(command -v xvfb-run || true); \
	OMP_NUM_THREADS=$(THREADS) OMP_WAIT_POLICY=passive NAPARI_ENSURE_PLUGIN_MAIN_THREAD=1 PYTHONDONTWRITEBYTECODE= \
		$${xvfb:+xvfb-run -a -s "$(SCREEN)"} $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-report term

docs: $(VENV)/.for-docs
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site demo-output .coverage .coverage.* .*_cache

libraries:
	@PYTHON="$(PYTHON)" scripts/debian-libraries

$(VENV)/.for-demo: EXTRAS := pyqt6,figures
$(VENV)/.for-dev: EXTRAS := dev
$(VENV)/.for-docs: EXTRAS := docs

$(VENV)/.for-%: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing napari-cryorestore[$(EXTRAS)] into $(VENV); the first time takes a few minutes."
	@set -o pipefail; PYTHONUNBUFFERED=1 $(PIP) --editable '.[$(EXTRAS)]' | $(BIN)/python scripts/pip-progress.py
	@touch $@

$(BIN)/python: | libraries
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
