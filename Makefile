.PHONY: setup setup-dev demo demo-down test test-fast test-vm bench bench-quick bench-scale

setup:
	@tools/setup.sh

setup-dev:
	@tools/setup.sh dev

demo: setup
	@tools/lab.sh up

demo-down: setup
	@tools/lab.sh down

test: setup-dev
	@.venv/bin/python tools/test.py

test-fast: setup-dev
	@.venv/bin/python tools/test.py --fast

test-vm: setup-dev
	@.venv/bin/python tools/test.py --vm

bench: setup-dev
	@.venv/bin/python tests/bench/bench.py

bench-quick: setup-dev
	@.venv/bin/python tests/bench/bench.py --quick

bench-scale: setup-dev
	@.venv/bin/python tests/bench/scale.py $(SIZES)
