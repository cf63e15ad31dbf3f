# The one runner. Each target sets itself up in .venv; nothing but Python >= 3.11 and make is assumed.
#   make test ARGS="-k paging"      hand arguments on to pytest, the demo or the benchmarks
#   make test PYTHON=python3.13     choose the interpreter
#   make test ARGS=-n0              one test after the other, in one process
#   make soak SEEDS=50000           play so many simulated worlds

.DEFAULT_GOAL := help
.PHONY: help demo test check bench bench-calls sockets interop interop-here docs release sbom soak clean
SHELL := /bin/sh
ARGS ?=
# Worlds that make soak plays; on one core a thousand take three minutes.
SEEDS ?= 5000

VENV := .venv
BIN := $(VENV)/bin
# An interpreter asked for by name has a stamp of its own, so that asking for another one sets up again.
STAMP := $(VENV)/.ready$(if $(PYTHON),.$(subst /,_,$(PYTHON)))
CAN_RUN := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
VERSION := import sys; print(sys.version_info[:2])
# Tests on every core (pytest-xdist), a file on one of them: its fixtures are made once, a PostgreSQL once a process. In
# the order they are in: the reordered one ends with the few slow tests of the job engines, on one core.
# A test that hangs ends its worker (faulthandler_timeout) and the run: a new worker would begin the same file again.
JOBS := -n logical --dist loadfile --no-loadscope-reorder --max-worker-restart 0

help: ## Say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' Makefile

demo: $(STAMP)-cli ## Plan and push 500 grades to an emulated LMS, read them back, and see what a teacher changed
	@$(BIN)/aioags demo $(ARGS)

test: $(STAMP)-dev ## Run all tests
	@$(BIN)/python -m pytest $(JOBS) $(ARGS)

check: $(STAMP)-dev ## Lint, format, two type checkers, docs, all tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/sphinx-build -q -W --keep-going -b dummy -d docs/_build/doctrees docs docs/_build/dummy
	$(BIN)/python benchmarks/many_platforms.py --quick
	$(BIN)/python benchmarks/university.py --quick
	$(BIN)/python -m pytest $(JOBS) $(ARGS)

bench: $(STAMP)-dev ## Measure what a score costs beside its peers; ARGS=--quick in one and a half minutes, ARGS=--full writes the page
	@$(BIN)/python benchmarks/bench.py $(ARGS)

bench-calls: $(STAMP)-dev ## Count Python calls per score, item, result, launch and put; off by over 3 % of what was agreed is an error
	@$(BIN)/python benchmarks/calls.py $(ARGS)

sockets: $(STAMP)-sockets ## Run the tests of sockets with the oldest aiohttp that pyproject.toml allows
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		"aiohttp==$$(sed -n 's/.*"aiohttp>=\([0-9.]*\)".*/\1/p' pyproject.toml)"
	@$(BIN)/python -c 'import aiohttp; print("aiohttp", aiohttp.__version__)'
	@$(BIN)/python -m pytest tests/sockets $(ARGS)

interop: ## Stand beside others' tools that CI does not install: @lti-tool/core (needs node), JupyterHub, pylti1p3next
	@$(MAKE) --no-print-directory interop-here VENV=.venv-interop

# In an environment of its own: pylti1p3next has modules of the same names as PyLTI1p3.
interop-here: $(STAMP)-interop
	@$(BIN)/python -m pytest -m interop tests/interop/test_lti_tool_core.py tests/interop/test_jupyterhub.py \
		tests/interop/test_pylti1p3next.py $(ARGS)

# -E reads every page: of those that it does not read, Sphinx's search forgets the entries of the index.
docs: $(STAMP)-docs ## Build the documentation into docs/_build/html; a warning is an error
	@$(BIN)/sphinx-build -q -W --keep-going -E -b html -d docs/_build/doctrees docs docs/_build/html
	@echo "Open docs/_build/html/index.html"

release: $(STAMP)-release ## Build wheel and sdist into dist, and try the wheel with each extra, oldest and newest dependencies
	@$(BIN)/python .ci/release.py $(ARGS)

sbom: $(STAMP)-dev ## Write the bill of materials, CycloneDX, into dist; ARGS="cli fastapi" with these extras
	@mkdir -p dist && $(BIN)/python docs/sbom.py $(ARGS) > dist/aioags.cdx.json && echo "Wrote dist/aioags.cdx.json"

soak: $(STAMP)-dev ## Play many simulated worlds; run the property tests with many more examples, and the long tests
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --removals
	@HYPOTHESIS_PROFILE=soak $(BIN)/python -m pytest -v -m "soak or hypothesis" -o faulthandler_timeout=0 $(ARGS)

clean: ## Remove .venv* and everything that was built
	rm -rf .venv .venv-* docs/_build dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

# $(STAMP)-cli, $(STAMP)-docs, $(STAMP)-dev: the package with that extra is installed, since pyproject.toml last changed.
$(STAMP)-%: pyproject.toml
	@python=; \
	for candidate in $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3 python); do \
		if "$$candidate" -c "$(CAN_RUN)" >/dev/null 2>&1; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "aioags needs Python 3.11 or newer with its venv module; tried: $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3 python)." >&2; \
		echo "Install one (Debian, Ubuntu: apt-get install python3-venv), or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	if ! $(BIN)/python -c "$(CAN_RUN)" >/dev/null 2>&1 || \
		{ [ -n "$(PYTHON)" ] && [ "$$($(BIN)/python -c '$(VERSION)')" != "$$("$$python" -c '$(VERSION)')" ]; }; then \
		echo "Setting up $(VENV) with $$("$$python" --version)"; \
		rm -rf $(VENV) && "$$python" -m venv $(VENV) || exit 1; \
	fi; \
	echo "Installing aioags[$*] into $(VENV)"; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
