# Every target does its own set-up: Python 3.11+, git and make are all it needs.
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(foreach p,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	command -v $(p) >/dev/null && $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
ARGS ?=

.PHONY: help
help: ## Show this help
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: core ## Watch the whole pipeline run, on a real Kafka; options: make demo ARGS="--cdnow"
	@[ -n "$$KAFKA_BOOTSTRAP_SERVERS" ] || $(BIN)/ltv broker fetch
	@$(BIN)/ltv demo $(ARGS)

.PHONY: test
test: lint types jars core ## Lint, types and all tests; some: ARGS="-k broker"; in one process, as --pdb needs: ARGS="-n0 --pdb"
	$(BIN)/pytest -n $(PROCESSES) --dist loadscope --no-loadscope-reorder $(ARGS)
# A file's tests share a process and its fixtures. Unit tests never wait: they need no more processes than cores.
PROCESSES ?= $(if $(filter tests/unit%,$(ARGS)),2,4)

.PHONY: faults
faults: jars core ## Run the whole fault matrix, the long ones too: kills, stalls, network, brokers
	$(BIN)/pytest tests/faults -m "faults_full or not faults_full" $(ARGS)

.PHONY: soak
soak: jars core ## Random faults under load for an hour; options: make soak ARGS="--minutes 20"
	$(BIN)/python -m tests.faults.soak $(ARGS)

.PHONY: bench
bench: core ## Measure ltv consume beside its peers; options: make bench ARGS="--only ltv,flink"
	$(BIN)/python -m benchmarks.throughput $(ARGS)

.PHONY: bench-quick
bench-quick: core # The same in about three minutes: fewer contestants, events and runs
	$(BIN)/python -m benchmarks.throughput --quick $(ARGS)

SINGLE_BENCHES := bench-restart bench-latency bench-scale bench-files bench-customers bench-dashboard bench-page bench-metrics \
	bench-endurance bench-workers
.PHONY: $(SINGLE_BENCHES)
$(SINGLE_BENCHES): core # One measurement; options: make bench-restart ARGS=--help
	$(BIN)/python -m benchmarks.$(@:bench-%=%) $(ARGS)

.PHONY: native
native: $(VENV)/.native ## Build the native core and install it here: several times as fast (needs cargo, of Rust)

# For targets that use the native core where it can be built, and do without it elsewhere.
.PHONY: core
core: $(VENV)/.installed
	@[ "$$LTV_NATIVE" = 0 ] || ! command -v cargo >/dev/null || $(MAKE) --no-print-directory native || \
		echo "The native core can't be built here; Python is used"

.PHONY: fuzz
fuzz: core ## Random bytes for all that reads what others wrote; options: make fuzz ARGS="--minutes 10"
	$(BIN)/python -m tests.fuzz $(ARGS)

.PHONY: fuzz-native
fuzz-native: core # The native core, guided by the code that bytes reach; options: make fuzz-native ARGS="--minutes 10"
	$(BIN)/python -m tests.fuzz.coverage_guided $(ARGS)

# As `make fuzz`, by a native core that AddressSanitizer watches; Python's own allocator would hide most faults from it.
.PHONY: fuzz-memory
fuzz-memory: $(VENV)/.installed # Accesses of the native core beyond its memory; options: make fuzz-memory ARGS="--minutes 10"
	cd native && RUSTC_BOOTSTRAP=1 PYO3_PYTHON=$(CURDIR)/$(BIN)/python RUSTFLAGS=-Zsanitizer=address cargo build --locked \
		--profile memory --target $(RUST_HOST)
	@mkdir -p native/target/memory
	@cp native/target/$(RUST_HOST)/memory/libltv_native.so native/target/memory/ltv_native.abi3.so
	LD_PRELOAD=$$(cc -print-file-name=libasan.so) ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
		PYTHONPATH=native/target/memory $(BIN)/python -m tests.fuzz $(OF_CORE:%=--only %) $(ARGS)
RUST_HOST = $(shell rustc -vV | sed -n 's/^host: //p')
OF_CORE := changelog batches native-events native-histories

.PHONY: lint
lint: $(VENV)/.installed ## Check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: lint-native
lint-native: # The same for the native core and its fuzz targets (needs cargo with clippy, and a C++ compiler)
	cd native && cargo fmt --check && cargo clippy --locked --all-targets -- -D warnings
	cd native/fuzz && cargo fmt --check && cargo clippy --locked --all-targets -- -D warnings

.PHONY: types
types: $(VENV)/.installed ## Check the types
	$(BIN)/mypy

.PHONY: setup
setup: $(VENV)/.installed ## Make the virtual environment in .venv, and no more

.PHONY: jars
jars: $(VENV)/.installed
	@$(BIN)/ltv broker fetch

.PHONY: lock
lock: $(VENV)/.installed ## Resolve the dependencies anew: requirements/*.txt and broker/jars.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/uv.txt
	$(COMPILE) requirements/uv.txt requirements/uv.in
	$(COMPILE) requirements/consumer.txt pyproject.toml
	$(COMPILE) requirements/build.txt requirements/build.in
	$(COMPILE) requirements/native.txt requirements/native.in
	$(COMPILE) requirements/dev.txt pyproject.toml requirements/build.in --extra dev
	$(BIN)/python -m broker.lock
COMPILE = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-annotate --custom-compile-command "make lock" --output-file

.PHONY: clean
clean: ## Remove the virtual environment and everything that tools left behind
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist native/target *.egg-info
	rm -rf native/fuzz/target native/fuzz/corpus native/fuzz/artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "ltv needs Python 3.11 or newer, and found" \
		"$$(python3 --version 2>/dev/null || echo 'no python3'). With one elsewhere: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) can't make virtual environments:" \
		"its module venv is missing (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Making the virtual environment $(VENV) with $$($(PYTHON) --version)"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)

# The project itself last, editable, from what the lock has installed.
$(VENV)/.installed: pyproject.toml requirements/dev.txt | $(VENV)/bin/python
	@echo "Installing what requirements/dev.txt locks"
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.native: native/pyproject.toml native/Cargo.toml native/Cargo.lock $(wildcard native/src/*.rs) \
		requirements/native.txt | $(VENV)/.installed
	@command -v cargo >/dev/null || { echo "The native core needs cargo, of Rust 1.87 or newer (Debian, Ubuntu: rustup)" >&2; exit 1; }
	@echo "Building the native core"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements/native.txt
	@rm -f dist/ltv_native-*.whl
	@$(BIN)/maturin build --quiet --release --locked --interpreter $(BIN)/python --manifest-path native/Cargo.toml --out dist
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --force-reinstall dist/ltv_native-*.whl
	@touch $@
