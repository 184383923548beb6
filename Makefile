# Everything that is needed is installed into .venv by the first target that needs it.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
KAFKA  := .frigjort-kafka/.fetched
ARGS   ?=

.PHONY: demo up test test-faults soak bench bench-restate bench-scale simulate lint format generate lock clean help

help: ## Show the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Apache Kafka for the tests, once. Without Java or Maven it says so, and what needs it is skipped (in .ci/run: fails).
$(KAFKA): $(STAMP) tests/brokers/pom.xml tests/brokers/checksums.txt
	$(BIN)/python -m tests.brokers

demo: $(STAMP) ## The whole job on this machine, then it ends; ARGS='--events 50000 --json'
	$(BIN)/frigjort demo $(ARGS)

up: $(STAMP) ## The stack on this machine until Ctrl-C; ARGS='--json'
	$(BIN)/frigjort up $(ARGS)

test: lint $(KAFKA) ## Linters, types, layers and every test but the faults; three at a time, since they mostly wait
	$(BIN)/pytest --ignore tests/faults -n 3 --dist loadfile $(ARGS)

test-faults: $(STAMP) $(KAFKA) ## Everything that can go wrong, on Apache Kafka, and what it came to; two at a time
	$(BIN)/pytest tests/faults -n 2 --dist loadfile $(ARGS)

MINUTES ?= 60
soak: $(STAMP) $(KAFKA) ## All faults at random under load; MINUTES=60, ARGS='--seed 7 --events 5000000'
	@$(BIN)/python -m tests.faults.soak --minutes $(MINUTES) $(ARGS)

bench: $(STAMP) ## This collector beside its peers, in one run; ARGS='--events 200000'
	$(BIN)/python -m tests.bench $(ARGS)

bench-restate: $(STAMP) ## A million measurements restated, killed halfway, collectors running; ARGS='--tasks 1000000'
	@$(BIN)/python -m tests.bench.restating $(ARGS)

bench-scale: $(STAMP) ## Rollups, figures and every dashboard's query at national scale; ARGS='--tasks 100000000'
	@$(BIN)/python -m tests.bench.scale $(ARGS)

simulate: $(STAMP) ## Does an interval hold the truth? ARGS='nations placebo authorities balance staggered --runs 2000 --seed 1 --json'
	@$(BIN)/python -m tests.simulations $(ARGS)

lint: $(STAMP) ## Format, rules, types, layers, dependencies, generated files
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/deptry .
	$(BIN)/python -m contracts.generate --check
	$(BIN)/python -m deploy.grafana.source --check

format: $(STAMP) ## Format and fix what can be fixed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

generate: $(STAMP) ## Write schemas, AsyncAPI, examples and Grafana's dashboards anew
	$(BIN)/python -m contracts.generate
	$(BIN)/python -m deploy.grafana.source

lock: $(STAMP) ## Resolve the dependencies anew into requirements.lock, without index addresses
	$(BIN)/uv pip compile pyproject.toml --universal --extra embedded --group dev --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --upgrade -o requirements.lock

clean: ## Remove what was installed and made
	rm -rf $(VENV) .frigjort .frigjort-kafka .mypy_cache .ruff_cache .pytest_cache .hypothesis
