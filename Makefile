# Everything runs from a venv of its own; nothing is installed into the system's Python.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Where `python -m tests.bench.NAME` and linters find the collection.
export PYTHONPATH := $(CURDIR)/collections

# In this order each scenario finds most of its preparation done by the one before.
MOLECULE_SCENARIOS := preflight docker overlay model_store model_cache vllm cpu causes fit gateway verify quantize site bad_input reboot failover
# These have hosts of their own, and run beside the others: they wait for packages and reboots most of the time.
DRIVER_SCENARIOS := nvidia gaudi
BENCHMARKS := plan noop gateway artifacts health contract quantize

.PHONY: help venv demo demo-down ask test test-beside lint test-unit test-integration sanity docs docs-check test-newest bench test-molecule test-drivers
help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

venv: $(VENV)/.made ## The Python environment of the controller and the tests
$(VENV)/.made: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || apt-get install --yes --quiet python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@

demo: venv ## Two virtual hosts on this machine's Docker, taken to an answering endpoint; MODEL_QUANTIZATION=fp8_dynamic
	@python -m rig up demo
	ansible-playbook site.yml -i inventories/demo$(addprefix -,$(MODEL_QUANTIZATION))
	python -m rig ask demo

ask: ## Ask the demo: make ask QUESTION='Why is the sky blue?'
	@python -m rig ask demo "$(QUESTION)"

demo-down: ## Remove the demo's hosts, networks and volumes
	@python -m rig down demo

test: venv ## Everything that .ci/run runs
	$(MAKE) --jobs=2 --output-sync=target lint docs-check
	rm --force .cache/test-*.log
	$(MAKE) --jobs=2 logged-test-beside logged-test-molecule || {
		# At the end again, for those who see no more of a long log.
		echo "What failed:"
		grep --extended-regexp --before-context=3 --after-context=10 '(fatal|failed): \[|^(FAILED|ERROR|E) |\*\*\*' .cache/test-*.log |
			cut --characters=-300 | tail --lines=40
		exit 1
	}

logged-%: # what a target printed is kept if it failed
	mkdir --parents .cache
	$(MAKE) $* 2>&1 | tee .cache/$*.log
	rm .cache/$*.log

# Beside the scenarios of what serves, which wait for one another's starts as often as they compute.
test-beside:
	for target in test-unit test-integration sanity test-newest test-drivers; do $(MAKE) $$target; done

lint: venv ## Style and types
	ruff check .
	ruff format --check .
	mypy plugins
	yamllint --strict .
	ansible-lint

test-unit: venv ## Logic alone, without hosts
	pytest tests/unit

test-integration: venv ## Real servers on loopback, and the collection as a tarball
	pytest --durations=20 tests/integration tests/package

sanity: venv ## What Ansible asks of every collection
	tests/sanity/run

docs: venv ## Write what is generated from the code
	python scripts/docs.py

docs-check: venv ## Fail where generated documentation is stale
	python scripts/docs.py --check

# The first of these Pythons that is on this machine, if it is newer than the venv's; ansible-core needs 3.12 since 2.20.
NEWEST_PYTHON := $(shell for python in python3.{14,13,12} ~/.pyenv/versions/3.{14,13,12}*/bin/python; do \
	$$python -c 'import ensurepip, sqlite3' 2>/dev/null && echo $$python && break; done)

test-newest: ## Unit tests with the newest ansible-core, where there is a Python for it
ifeq ($(NEWEST_PYTHON),)
	@echo "No Python 3.12 or newer here: not tested with the newest ansible-core."
else
	$(MAKE) VENV=.venv-newest PYTHON=$(NEWEST_PYTHON) test-unit
endif

bench: venv ## Measure, side by side with what else could be used
	for name in $(BENCHMARKS); do python -m tests.bench.$$name; done
	python scripts/docs.py

test-molecule: venv ## The scenarios of what serves, for real, on virtual hosts
test-drivers: venv ## The scenarios of drivers, on virtual hosts of their own
test-drivers: MOLECULE_SCENARIOS = $(DRIVER_SCENARIOS)
test-drivers: export MOLECULE_INVENTORY = molecule/inventory-drivers
test-molecule test-drivers: export MOLECULE_EPHEMERAL_DIRECTORY = $(CURDIR)/.cache/$@
test-molecule test-drivers:
	rm --recursive --force "$$MOLECULE_EPHEMERAL_DIRECTORY" # what a run that was killed believes to have made
	molecule test $(addprefix --scenario-name ,default $(MOLECULE_SCENARIOS))
