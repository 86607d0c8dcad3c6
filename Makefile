.PHONY: setup setup-dev demo demo-down test test-fast test-vm bench bench-quick bench-scale

setup:
	@tools/setup.sh

setup-dev:
	@tools/setup.sh dev

demo: setup
	@tools/lab.sh up

demo-down: setup
	@tools/lab.sh down

# Sessions of noxfile.py, two at a time.
define nox
	@rm -rf build/test && mkdir -p build/test
	@.venv/bin/nox --parallel 2 --report build/test/sessions.json $(1); .venv/bin/python tools/report.py
endef

test: setup-dev
	@[ "$$(id -u)" = 0 ] || { echo "network namespaces need root: sudo make test, or make test-fast" >&2; exit 1; }
	@# Now, because tests compare /etc before and after, and an installation beside them changes it.
	@tools/setup.sh vm
	$(call nox)

test-fast: setup-dev
	$(call nox,--sessions lint unit docs-check license-check extra-checks)

test-vm: setup-dev
	$(call nox,--no-dependencies --sessions oldest-kernel kinds vagrant sites nothing-left)

bench: setup-dev
	@.venv/bin/python tests/bench/bench.py

bench-quick: setup-dev
	@.venv/bin/python tests/bench/bench.py --quick

bench-scale: setup-dev
	@.venv/bin/python tests/bench/scale.py $(SIZES)
