# Two commands: `make reproduce` runs everything, `make test` tests everything. Each target sets up .venv by itself.
#   make reproduce SCALE=tiny        the quick look (demo is the default; gpu, paper)
#   make reproduce DATA_ROOT=/data   with the gated datasets, if you have them (docs/data)
#   make reproduce DEVICE=optix      images on a GPU: cuda, optix, hip or metal
#   make venv TORCH="torch==2.13.0 --index-url URL"   another build of torch, CUDA or CPU only
#   make venv PYTHON=/path/to/python3.11
PYTHON    ?= python3.11
TORCH     ?= torch==2.13.0
VENV      ?= .venv
SCALE     ?= demo
SEED      ?= 0
OUT_DIR   ?= runs
DATA_ROOT ?=
DEVICE    ?= cpu
CORES     ?= 2
JOBS      ?= 1

IN_VENV := $(VENV)/bin/python
READY   := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help venv reproduce experiments test test-fast test-slurm lab notebooks lint data-check clean

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 20

venv: $(READY)  ## the environment, in .venv

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	  { echo "error: Python 3.11 is needed and $(PYTHON) is not: install it, or say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) tools/make_venv.py --venv "$(VENV)" --torch "$(TORCH)"
	@touch $@

reproduce: $(READY)  ## run all notebooks at SCALE; goes on where it stopped
	@$(IN_VENV) -m renderih_lib.reproduce --scale "$(SCALE)" --seed "$(SEED)" --out-dir "$(OUT_DIR)" \
	  --data-root "$(DATA_ROOT)" --cores "$(CORES)" --device "$(DEVICE)"

experiments: $(READY)  ## the training runs of SCALE alone, on datasets that are rendered; on a GPU say JOBS=8
	@$(IN_VENV) -m renderih_lib.train.run --experiment all --seed all --first-seed "$(SEED)" --scale "$(SCALE)" --data-root "$(DATA_ROOT)" \
	  --datasets "$(OUT_DIR)/$(SCALE)/datasets" --out "$(OUT_DIR)/$(SCALE)/experiments" --jobs "$(JOBS)"

test: $(READY)  ## all tests, the whole graph at tiny included
	@$(IN_VENV) -m pytest -n "$(CORES)" --dist loadfile

test-fast: $(READY)  ## the tests that take seconds
	@$(IN_VENV) -m pytest -m "not slow"

test-slurm: $(READY)  ## rendering on a real Slurm of two nodes, one of which dies; installs it, as root on Debian
	@$(IN_VENV) tests/slurm --out-dir "$(OUT_DIR)"

lab: $(READY)  ## JupyterLab on the notebooks
	@$(IN_VENV) -m jupyterlab notebooks/00_start_here.ipynb

notebooks: $(READY)  ## run at SCALE, then put the executed notebooks and figures where they are committed
	@$(MAKE) --no-print-directory reproduce
	@$(IN_VENV) -m renderih_lib.publish --scale "$(SCALE)" --out-dir "$(OUT_DIR)"

lint: $(READY)  ## ruff
	@$(IN_VENV) -m ruff check .
	@$(IN_VENV) -m ruff format --check .

data-check: $(READY)  ## the state of every asset
	@$(IN_VENV) -m renderih_lib.data.manifest --data-root "$(DATA_ROOT)"

clean:  ## remove the results of SCALE and all caches; .venv stays
	rm -rf "$(OUT_DIR)/$(SCALE)" .snakemake .pytest_cache .ruff_cache .hypothesis
