# make demo and make test do all of their set-up themselves; neither asks a question.
.DELETE_ON_ERROR:
.PHONY: demo test test-deep lint docs format contracts benchmark benchmark-scan fuzz clean

BIN := .venv/bin
IN_PARALLEL := -n auto --maxprocesses 4 --dist worksteal
# Whoever chooses some tests may have chosen none of one part (pytest ends with 5 then).
MAY_BE_NONE := $(if $(PYTEST_ARGS),|| [ $$? -eq 5 ])
SOURCES := $(shell git ls-files 'credman/*' pyproject.toml 2>/dev/null)

demo: .venv/installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/demo.sh

test: .venv/developed
	@sh scripts/install-system-packages.sh
	$(BIN)/python -m pytest $(IN_PARALLEL) -m "not deep and not alone" $(PYTEST_ARGS) $(MAY_BE_NONE)
	$(BIN)/python -m pytest -m "alone and not deep" $(PYTEST_ARGS) $(MAY_BE_NONE)
	@sh scripts/smoke-newest-python.sh

# The fault sweeps again, every call with every error, through the command line.
test-deep: .venv/developed
	@sh scripts/install-system-packages.sh
	$(BIN)/python -m pytest $(IN_PARALLEL) -m deep $(PYTEST_ARGS)

lint: .venv/developed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/credman providers --validate
	$(BIN)/python scripts/provider_docs.py --check
	$(BIN)/python scripts/completions.py --check
	$(BIN)/python scripts/command_lines.py --check

docs: .venv/developed
	$(BIN)/python scripts/provider_docs.py --write
	$(BIN)/python scripts/completions.py --write
	$(BIN)/python scripts/command_lines.py --write

format: .venv/developed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: .venv/developed
	$(BIN)/python -m benchmarks.latency --write docs/performance.md
	$(BIN)/python -m benchmarks.cleaning --write docs/performance.md
	$(BIN)/python -m benchmarks.redacting --write docs/performance.md

# Downloads the wheels of 21 packages (200 MB); --corpus DIR or --cache DIR: see its --help.
benchmark-scan: .venv/developed
	$(BIN)/python -m benchmarks.scanning --write docs/performance.md $(SCAN_ARGS)

# Long ways over the store, then FUZZ_SECONDS for every parser, or for FUZZ_TARGETS only.
FUZZ_SECONDS ?= 60
fuzz: .venv/fuzzed
	CREDMAN_TEST_PROFILE=fuzz $(BIN)/python -m pytest tests/stores/test_state_machine.py
	$(BIN)/python -m fuzz $(FUZZ_SECONDS) $(FUZZ_TARGETS)

clean:
	rm -rf .venv .venv-3.13 build dist

.venv/installed: $(SOURCES) scripts/make-venv.sh
	@sh scripts/make-venv.sh .venv .
	@touch $@

.venv/developed: pyproject.toml scripts/make-venv.sh
	@sh scripts/make-venv.sh .venv --editable . --group dev
	@touch .venv/installed $@

.venv/fuzzed: .venv/developed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary atheris --group fuzz
	@touch $@
