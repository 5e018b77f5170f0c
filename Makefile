# Two commands on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
PORT ?= 7860
BIN := .venv/bin
REQUIREMENTS := $(if $(shell command -v nvidia-smi 2>/dev/null),requirements.txt,requirements-cpu.txt)

.PHONY: setup setup-dev servers run test lint image-test demo bench clean

setup: .venv/ready

.venv/ready: $(REQUIREMENTS)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement $(REQUIREMENTS)
	touch $@

setup-dev: .venv/ready-dev

.venv/ready-dev: .venv/ready requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-dev.txt
	touch $@

# What the tests start where it is there: an S3 server, in an environment of its own. CI makes it.
servers: setup-dev .venv/swift/ready

.venv/swift/ready: tests/stores/swift-requirements.txt
	test -x .venv/swift/bin/python || $(PYTHON) -m venv .venv/swift
	.venv/swift/bin/python -m pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

run: setup
	$(BIN)/python tools/draw_examples.py
	$(BIN)/python -m vimix models --fetch default
	$(BIN)/python -m tools.draw_results
	PORT=$(PORT) $(BIN)/python app.py

test: setup-dev lint
	$(BIN)/python tools/draw_examples.py
	$(BIN)/python -m vimix models --fetch default
	$(BIN)/python -m pytest

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Builds the image for the CPU and cuts a clip in it; needs a container engine and, for the worker, redis-server.
ENGINE ?= docker
image-test: setup-dev
	$(ENGINE) build --network host --build-arg REQUIREMENTS=requirements-cpu.txt --build-arg BAKE=portrait --tag vimix-test .
	IMAGE=vimix-test ENGINE=$(ENGINE) $(BIN)/python -m pytest tests/image

demo: setup
	$(BIN)/python tools/draw_examples.py
	mkdir -p out
	$(BIN)/python -m vimix data/examples/astronaut.mp4 out/astronaut.webp

bench: setup-dev
	$(BIN)/python -m bench

clean:
	rm -rf .venv out data/examples .pytest_cache .mypy_cache .ruff_cache
