# Every task of the project, one command each; `make help` lists them.
# Needs only python3 >= 3.11 (with headers), gcc and make.

PYTHON ?= python3
VENV   ?= .venv
SOAK   ?= 3600
BIN     = $(VENV)/bin
CFILES  = $(wildcard ext/core/*.[ch] tests/core/*.[ch] bench/*/*.[ch])

.DEFAULT_GOAL := help
.PHONY: help serve portal portal-stack build test test-long lint fmt docs bench budgets asan fuzz soak wheel clean

help:  ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 20

serve: $(VENV)/serve  ## install, then serve the example on 127.0.0.1:8000
	$(BIN)/fastfork serve examples.hello:app

portal: build  ## the job portal on 127.0.0.1:8000, with SQLite and nothing else to install
	$(BIN)/fastfork serve examples.job_portal.app:app -w 4

portal-stack: build  ## the same behind nginx on 127.0.0.1:8080, with MariaDB and Redis (Debian packages)
	$(BIN)/python -m examples.job_portal.stack

build: $(VENV)/test  ## compile what changed in ext/ into the development tree
	$(BIN)/python setup.py -q build_ext --inplace

test: build  ## C units under sanitizers, then the whole Python suite
	$(MAKE) -C tests/core -j2 run
	$(BIN)/python -m pytest

test-long: build  ## what takes minutes: 1000 kills, soak, 10 million wake-ups
	$(MAKE) -C tests/core build/test_handshake
	HANDSHAKE_ROUNDS=10000000 tests/core/build/test_handshake
	FASTFORK_SOAK=$(SOAK) $(BIN)/python -m pytest -m long --timeout 1200

soak: build  ## a minute of the soak that make test-long does for SOAK (3600) seconds
	$(BIN)/python -m pytest -m long tests/process/test_soak.py

fuzz: build  ## the parsers, FUZZ_SECONDS (5) each, from the probe's cases on (needs clang-14)
	$(BIN)/python tests/probe/seeds.py tests/core/build
	$(MAKE) -C tests/core fuzz

lint: $(VENV)/lint  ## style, types and layers; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CFILES)
	PATH="$(abspath $(BIN)):$$PATH" cython-lint ext/bind
	$(BIN)/lint-imports

fmt: $(VENV)/lint  ## format Python and C in place
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CFILES)

docs: build $(VENV)/docs  ## write what of docs/ follows from the code, then the site, in build/site
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -q -n -W --keep-going docs build/site

bench: build  ## compare with other servers (needs wrk; peers get an environment of their own)
	$(BIN)/python bench/macro/compare.py

budgets: build  ## instructions, system calls, allocations and bytes of a request, against their budgets
	$(BIN)/python bench/micro/budgets.py

asan: $(VENV)/test  ## the native and wire tests on a build with ASan and UBSan
	FASTFORK_BUILD=asan $(BIN)/python setup.py -q build_ext --inplace
	LD_PRELOAD=$$(gcc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
		$(BIN)/python -m pytest tests/native tests/wire; \
	status=$$?; $(BIN)/python setup.py -q build_ext --inplace; exit $$status

wheel: $(VENV)/test  ## sdist, and the wheel built from it, in dist/
	$(BIN)/python -m build --quiet

clean:  ## remove everything that a build or a test made
	rm -rf build dist src/*.egg-info src/fastfork/_native/*.so tests/core/build bench/macro/build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

# Stamps: each installs one set of requirements, and again when pyproject.toml changes.
PIP = $(BIN)/pip install --quiet --disable-pip-version-check
extra = $(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"] \
	["optional-dependencies"]["$(1)"], sep="\n")' | $(PIP) -r /dev/stdin

$(VENV)/tools:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fastfork needs Python >= 3.11")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip 'setuptools>=77' 'Cython>=3.1'
	touch $@

$(VENV)/serve: $(VENV)/tools pyproject.toml setup.py
	$(PIP) --no-build-isolation -e .
	touch $@

$(VENV)/test: $(VENV)/serve
	$(call extra,test)
	$(call extra,docs)
	touch $@

$(VENV)/docs: $(VENV)/serve
	$(call extra,docs)
	touch $@

$(VENV)/lint: $(VENV)/test
	$(call extra,lint)
	touch $@
