# Everything runs from a venv of its own; nothing is installed into the system's Python.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

# In this order each scenario finds most of its preparation done by the one before.
MOLECULE_SCENARIOS := preflight docker overlay model_store model_cache vllm gateway verify site bad_input reboot failover

.PHONY: help venv demo demo-down ask test test-molecule
help: ## What can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

venv: $(VENV)/.made ## The Python environment of the controller and the tests
$(VENV)/.made: requirements.txt requirements-dev.txt
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || apt-get install --yes --quiet python3-venv
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --requirement requirements-dev.txt
	touch $@

demo: venv ## Two virtual hosts on this machine's Docker, taken to an answering endpoint
	@python -m rig up demo
	ansible-playbook site.yml -i inventories/demo
	python -m rig ask demo

ask: ## Ask the demo: make ask QUESTION='Why is the sky blue?'
	@python -m rig ask demo "$(QUESTION)"

demo-down: ## Remove the demo's hosts, networks and volumes
	@python -m rig down demo

test: lint test-unit sanity docs-check test-molecule ## Everything that .ci/run runs

test-molecule: venv ## All scenarios, for real, on virtual hosts
	molecule test $(addprefix --scenario-name ,default $(MOLECULE_SCENARIOS))
