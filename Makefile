# make demo    set up, scan the example captures, write the HTML report
# make test    set up, check style and types, run every test
# make check   style, and every test but the slowest; with ROOM=tests/protocols/icq only that room's: seconds
# make fuzz    a minute of hostile captures for the core and the kernel's queue (with sanitizers) and for every decoder (SECONDS_EACH=n)
# make sanitize   the decoders, too, with sanitizers: compiles everything again (SECONDS_EACH=n)
# make twins   hostile captures through the compiled modules and through plain Python, which must agree (SECONDS_EACH=n)
# make bench   measure against other programs; see bench/README.md (ROUNDS=n, NFSTREAM=python)
# make reference   write the generated parts: references, schemas, the catalogue's index
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(shell find src -name '*.py')
TYPES := $(shell find src -name '*.pxd')
COMPILED := $(shell find src -name '*.pyx') $(wildcard $(TYPES:.pxd=.py))

.PHONY: setup demo test check lint fuzz sanitize twins bench reference clean
setup: .venv/.loaded

.venv/.ready: pyproject.toml setup.py tools/setup
	./tools/setup $(PYTHON)
	touch $@

.venv/.built: .venv/.ready $(TYPES) $(COMPILED)
	@echo "Compiling: a minute or two, later only what was edited"
	$(BIN)/python setup.py --quiet build_ext --inplace
	touch $@

# bytecode, as pip makes it of a wheel: where Python must not write any, each start would make all of it again
.venv/.loaded: .venv/.built $(SOURCES)
	$(BIN)/python -m compileall -q src
	touch $@

demo: setup
	$(BIN)/backchannel scan examples --report out/report.html
	@echo "The same as a page: $(CURDIR)/out/report.html"

lint: setup
	$(BIN)/ruff format --check src tests tools bench
	$(BIN)/ruff check src tests tools bench
	$(BIN)/mypy

check: setup
	$(BIN)/ruff check src tests
	$(BIN)/pytest -q -n 2 -m "not slow" $(ROOM)

test: lint
	$(BIN)/pytest -n 2

reference: setup
	$(BIN)/python tools/conversations.py
	$(BIN)/python tools/reference.py

fuzz: setup
	$(BIN)/python tools/fuzz_core.py --seconds $(or $(SECONDS_EACH),60)
	$(BIN)/python tools/fuzz_core.py --what queue --seconds $(or $(SECONDS_EACH),60)
	$(BIN)/python tools/fuzz_decoders.py --seconds $(or $(SECONDS_EACH),60)

sanitize: setup
	$(BIN)/python tools/fuzz_decoders.py --sanitized --seconds $(or $(SECONDS_EACH),60)

twins: setup
	$(BIN)/python tools/fuzz_twins.py examples tests $(wildcard ../shared/captures) --seconds $(or $(SECONDS_EACH),600)

bench: setup
	$(BIN)/python bench/run.py --rounds $(or $(ROUNDS),5) --nfstream $(or $(NFSTREAM),$(BIN)/python)

clean:
	rm -rf .venv build dist out .cache
