# Every task of the project, one command each; `make help` lists them.
# Needs only python3 >= 3.11 (with headers), gcc and make.

PYTHON ?= python3
VENV   ?= .venv
SOAK   ?= 3600
SAVED   = --benchmark-storage=file://$(abspath build)/benchmarks
BIN     = $(VENV)/bin
CFILES  = $(wildcard ext/core/*.[ch] tests/core/*.[ch] bench/*/*.[ch])

.DEFAULT_GOAL := help
TASKS   = $(shell sed -n 's/^\([a-z-]*\):.*\#\# .*/\1/p' Makefile)
.PHONY: $(TASKS)

help:  ## list the tasks
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 22

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

lint: $(VENV)/lint  ## style, types, layers and workflows; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(CFILES)
	PATH="$(abspath $(BIN)):$$PATH" cython-lint ext/bind
	$(BIN)/lint-imports
	told=$$(PYTHONPATH=src PATH="$(abspath $(BIN)):$$PATH" pyright --verifytypes fastfork --ignoreexternal) \
		|| { echo "$$told" | grep -B1 -A1 'error:'; exit 1; }
	$(BIN)/zizmor --quiet --offline .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml

fmt: $(VENV)/lint  ## format Python and C in place
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(CFILES)

docs: build $(VENV)/docs  ## write what of docs/ follows from the code, then the site, in build/site
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx -q -n -E -a -W --keep-going docs build/site

check-links: $(VENV)/docs  ## whether the links of every page to other sites lead somewhere (needs the Internet)
	rm -rf build/links
	$(BIN)/python -m sphinx -Q -b linkcheck -C -D extensions=myst_parser -D root_doc=README \
		-D include_patterns='*.md,.github/**.md,bench/*.md,docs/*.md,examples/**.md,ext/**.md,tests/*.md' \
		-D linkcheck_ignore='https?://(127|localhost).*' . build/links || { cat build/links/output.txt; exit 1; }

bench: build $(VENV)/bench  ## the whole report, bench/report/index.html: other servers beside us, in about an hour
	$(BIN)/python bench/macro/harness.py

bench-quick: build $(VENV)/bench  ## its headline, in three minutes
	$(BIN)/python bench/macro/harness.py --quick

bench-micro: build $(VENV)/bench  ## how long the pieces of a request take; MICRO: more for pytest-benchmark
	$(BIN)/python -m pytest -q -W default -o python_files='bench_*.py' -o python_functions='bench_*' \
		--benchmark-max-time=0.3 --benchmark-columns=median,min,max,rounds --benchmark-sort=name bench/micro $(MICRO)

bench-compare: build $(VENV)/bench  ## the pieces beside those of the commit before
	rm -rf build/before && git worktree prune && git worktree add -f --detach build/before HEAD^
	-$(MAKE) -C build/before bench-micro MICRO='$(SAVED) --benchmark-save=before'
	git worktree remove --force build/before
	$(MAKE) bench-micro MICRO='$(SAVED) --benchmark-compare'

budgets: build  ## what a request costs in counts, against its budgets, or AGAINST a revision
	$(BIN)/python bench/micro/budgets.py $(if $(AGAINST),--against $(AGAINST))

asan: $(VENV)/test  ## the native and wire tests on a build with ASan and UBSan
	FASTFORK_BUILD=asan $(BIN)/python setup.py -q build_ext --inplace
	LD_PRELOAD=$$(gcc -print-file-name=libasan.so) PYTHONMALLOC=malloc \
		ASAN_OPTIONS=detect_leaks=0:quarantine_size_mb=8 \
		$(BIN)/python -m pytest -m 'not long and not weighs' tests/native tests/wire; \
	status=$$?; $(BIN)/python setup.py -q build_ext --inplace; exit $$status

sdist: $(VENV)/release  ## the sdist alone
	rm -rf dist
	$(BIN)/python -m build --quiet --sdist

wheel: sdist  ## the sdist, and a wheel of it for every CPython on this machine, in dist/
	$(BIN)/python tests/wheels/everywhere.py build dist/*.tar.gz

check-wheel: wheel inspect-wheel  ## the same, looked into; and the smoke tests, from each, far from the sources
	$(BIN)/python tests/wheels/everywhere.py try

inspect-wheel: $(VENV)/release  ## look into what is in dist/
	for wheel in dist/*.whl; do $(BIN)/auditwheel show $$wheel || exit 1; done
	$(BIN)/check-wheel-contents dist/*.whl
	$(BIN)/twine check --strict dist/*
	$(BIN)/python tests/wheels/contents.py dist/*.whl

news: $(VENV)/release  ## what .github/news will say of the next version
	$(BIN)/towncrier build --draft

changelog: $(VENV)/release  ## fold .github/news into CHANGELOG.md, for the version in src/fastfork/_version.py
	$(BIN)/towncrier build --yes

packages:  ## the Debian packages that all this uses (as root, or by sudo)
	.ci/packages

gate:  ## whether RESULTS, words of a workflow, are all "success"
	for result in $${RESULTS:-none}; do [ $$result = success ] || exit 1; done

coverage: $(VENV)/coverage  ## which lines of the C core its units run
	$(MAKE) -C tests/core -j2 coverage
	$(BIN)/gcovr --root . --filter ext/core --sort uncovered-percent --fail-under-line 85 tests/core/build/coverage

musl:  ## the C core with musl instead of glibc, as Alpine has it (needs musl-gcc; Debian: musl-tools)
	$(MAKE) -C tests/core -j2 musl

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

$(VENV)/coverage: $(VENV)/tools pyproject.toml
	$(call extra,coverage)
	touch $@

$(VENV)/release: $(VENV)/test
	$(call extra,release)
	touch $@

$(VENV)/lint: $(VENV)/test
	$(call extra,lint)
	touch $@

$(VENV)/bench: $(VENV)/test
	$(call extra,bench)
	touch $@
