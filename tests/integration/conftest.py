# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration tests' fixtures. The functions behind them are in kernel/, which tests may also import."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel, module_server

# Their assertions explain themselves as those of tests do.
for _name in ("life", "playbooks.fabric", "playbooks.labs"):
    pytest.register_assert_rewrite(f"ansible_collections.weft.fabric.tests.integration.{_name}")

_RUNNING: pytest.StashKey[pytest.Item] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    if os.geteuid() != 0:
        raise pytest.UsageError("the integration tests make network namespaces, which needs root: run them with sudo")
    config.addinivalue_line("markers", "needs_kind(kind): counted as skipped where the kernel has no such links")
    config.addinivalue_line("markers", "older_host: also run with the oldest Python and pyroute2 that a host may have")


def pytest_runtest_setup(item: pytest.Item) -> None:
    item.session.stash[_RUNNING] = item
    item.user_properties.append(("kernel", os.uname().release))
    for mark in item.iter_markers("needs_kind"):
        if not kernel.has_link_kind(mark.args[0]):
            pytest.skip(f"this kernel has no {mark.args[0]}")


@pytest.fixture(scope="session", autouse=True)
def _machine() -> None:
    """The whole process, each of xdist's, has namespaces of its own."""
    kernel.leave_the_machine()


class Result(dict):  # type: ignore[type-arg]
    """What the module printed, and its exit status."""

    rc: int


def _run_module(name: str, /, check: bool = False, diff: bool = True, **args: Any) -> Result:
    """Run plugins/modules/<name>.py as a process of its own; its parsed result.

    WEFT_TEST_PYTHON names the managed host's interpreter where it is not the tests' own.
    """
    arguments = {"ANSIBLE_MODULE_ARGS": {**args, "_ansible_check_mode": check, "_ansible_diff": diff}}
    python = os.environ.get("WEFT_TEST_PYTHON", sys.executable)
    server = module_server.server(python, os.environ.get("PYTHONPATH", ""))
    done = server.run(name, json.dumps(arguments))
    assert "Traceback" not in done.stderr, done.stderr
    assert done.stdout.lstrip().startswith("{"), f"{done.stdout}\n{done.stderr}"
    result = Result(json.loads(done.stdout))
    result.rc = done.returncode
    assert bool(result.rc) == result.get("failed", False), result
    return result


@pytest.fixture(scope="session")
def run_module(request: pytest.FixtureRequest) -> Callable[..., Result]:
    """Run a module; the report of the test that runs then says which."""

    def run(name: str, /, **arguments: Any) -> Result:
        properties = request.session.stash[_RUNNING].user_properties
        if ("module", name) not in properties:
            properties.append(("module", name))
        return _run_module(name, **arguments)

    return run


@pytest.fixture
def ns() -> Iterator[Callable[[], str]]:
    """Call it for the name of a new namespace; all are removed afterwards."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(kernel.new_namespace())


@pytest.fixture
def disk(tmp_path: pathlib.Path) -> Iterator[None]:
    """What is written below /etc, /usr/local and /var/lib goes with its mount."""
    with contextlib.ExitStack() as stack:
        for target in ("/etc", "/usr/local", "/var/lib"):
            place = tmp_path / target.replace("/", "-")
            place.mkdir()
            kernel.run("mount", "-t", "tmpfs", "tmpfs", str(place))
            stack.callback(kernel.run, "umount", "--lazy", str(place))
            (place / "upper").mkdir()
            (place / "work").mkdir()
            options = f"lowerdir={target},upperdir={place}/upper,workdir={place}/work"
            kernel.run("mount", "-t", "overlay", "-o", options, "overlay", target)
            stack.callback(kernel.run, "umount", target)
        yield


@pytest.fixture(scope="session")
def monitor() -> type[kernel.Monitor]:
    return kernel.Monitor


@pytest.fixture(scope="session")
def ip_json() -> Callable[..., list[dict[str, Any]]]:
    return kernel.ip_json


@pytest.fixture(scope="session")
def bridge_json() -> Callable[..., list[dict[str, Any]]]:
    return kernel.bridge_json
