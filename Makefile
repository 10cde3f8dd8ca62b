.POSIX:
.SUFFIXES:

# ARGS is passed on to the program that a target runs: make test ARGS='-k routing'
ARGS =
python = .venv/bin/python

help: ## say what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1	\2/p' Makefile | expand -t 22

demo: ## run the example job on real data, embedded
	@scripts/setup run
	@.venv/bin/hengio demo $(ARGS)

test: ## run the tests, against real servers that they start
	@scripts/setup test
	@$(python) -m pytest $(ARGS)

check: ## lint, formatting, types, import contracts and what may be committed
	@scripts/setup dev
	$(python) -m ruff check
	$(python) -m ruff format --check
	$(python) -m mypy
	.venv/bin/lint-imports --no-logo
	$(python) -m pytest -q tests/architecture

format: ## put the sources into their form
	@scripts/setup dev
	$(python) -m ruff check --fix
	$(python) -m ruff format

bench: ## measure speed, side by side with others
	@scripts/setup test bench
	@$(python) -m benchmarks $(ARGS)

requirements: ## show which tests show which requirement, and what is open
	@scripts/setup test
	@$(python) -m tests.support.requirements $(ARGS)

modules: ## build the example modules from their sources
	@examples/modules/build $(ARGS)

lock: ## pin the dependencies anew (ARGS=--upgrade for newer ones)
	@scripts/setup lock
	@scripts/lock $(ARGS)

clean: ## remove everything that was made
	rm -rf .venv .hengio-demo hengio-data build dist reports benchmarks/results
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	rm -rf examples/modules/*/target examples/modules/*/node_modules tests/guests/*/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help demo test check format bench requirements modules lock clean
