# make demo and make test do all of their set-up themselves; neither asks a question.
.DELETE_ON_ERROR:
.PHONY: demo test lint format contracts benchmark clean

BIN := .venv/bin
SOURCES := $(shell git ls-files 'credman/*' pyproject.toml 2>/dev/null)

demo: .venv/installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh scripts/demo.sh

test: .venv/developed
	@sh scripts/install-system-packages.sh
	$(BIN)/python -m pytest $(PYTEST_ARGS)
	@sh scripts/smoke-newest-python.sh

lint: .venv/developed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/developed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

benchmark: .venv/developed
	$(BIN)/python benchmarks/latency.py --write docs/performance.md

clean:
	rm -rf .venv .venv-3.13 build dist

.venv/installed: $(SOURCES) scripts/make-venv.sh
	@sh scripts/make-venv.sh .venv .
	@touch $@

.venv/developed: pyproject.toml scripts/make-venv.sh
	@sh scripts/make-venv.sh .venv --editable . --group dev
	@touch .venv/installed $@
