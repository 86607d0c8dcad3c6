# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk, and runs that are killed between two steps."""

from __future__ import annotations

import copy
import os
import pathlib
import sys
from collections.abc import Callable
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.host import documents, install
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import DOCUMENT, PODS, WEFT, command, store, tree


def test_a_full_disk(run_module):
    """An error; the network stays as it is, the old document is kept, and nothing is left beside it."""
    WEFT.mkdir()
    kernel.run("mount", "-t", "tmpfs", "-o", "size=8k,mode=0700", "tmpfs", str(WEFT))
    try:
        assert store(name="pods", document=DOCUMENT)["changed"]
        old = PODS.read_bytes()
        larger = copy.deepcopy(DOCUMENT)
        larger["echo_server"]["namespaces"] += [f"pod{number}" for number in range(2, 2000)]
        message = store(name="pods", document=larger)["msg"]
        assert message == (f"cannot write {PODS}: No space left on device (ENOSPC); make room; the file is as it was")
        with kernel.unchanged(""):
            assert run_module("document", name="pods", document=larger)["msg"] == message
        assert ([path.name for path in WEFT.iterdir()], PODS.read_bytes()) == (["pods.json"], old)
        assert command("diff").returncode == 2
        kernel.run("mount", "-o", "remount,size=1m", str(WEFT))
        assert store(name="pods", document=larger)["changed"]
        assert store(name="pods", state="absent")["changed"]
        assert list(WEFT.iterdir()) == []
    finally:
        kernel.run("umount", str(WEFT))


_MUTATIONS = {"os.mkdir", "os.rmdir", "os.rename", "os.remove", "os.symlink", "os.chmod"}


def _killed_at(step: int, act: Callable[[], None]) -> bool:
    """Do it in a process of its own that ends without a word before its step-th change of the file system.

    :returns: whether it got that far; if not, all is done.
    """
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, arguments: tuple[Any, ...]) -> None:
            nonlocal left
            writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
            if event in _MUTATIONS or writes:
                left -= 1
                if not left:
                    os._exit(9)

        sys.addaudithook(hook)
        try:
            act()
        finally:
            os._exit(0 if left > 0 else 9)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def _converge(*stored: documents.Stored) -> None:
    changes = install.plan(stored, systemd=False)
    if changes or install.interrupted():
        install.apply(changes, systemd=False)


def test_killed_between_any_two_steps(tmp_path):
    """From nothing to a document, to another one, and to nothing: each killed before each of its steps."""
    first = documents.parse("pods", DOCUMENT)
    other = copy.deepcopy(DOCUMENT)
    other["topology"]["namespaces"][""]["links"][0]["name"] = "br1"
    other["topology"]["namespaces"][""]["links"][1]["controller"] = "br1"
    second = documents.parse("pods", other)
    stages: list[list[documents.Stored]] = [[], [first], [second], []]
    for before, after in zip(stages, stages[1:]):
        _converge(*after)
        wanted = tree()
        step = 1
        while True:
            _converge(*before)
            if not _killed_at(step, lambda after=after: _converge(*after)):
                break
            if PODS.exists():
                assert PODS.read_text() in (str(first), str(second)), "a document is whole or not there"
            _converge(*after)
            assert tree() == wanted, f"step {step}"
            assert not install.interrupted()
            step += 1
        assert tree() == wanted
        assert step > 10


def test_teardown_takes_what_a_killed_run_left(stored):
    left = [
        WEFT / ".pods.json.weft-new",
        WEFT / ".overlay.json.weft-new",
        pathlib.Path("/usr/local/sbin/.weft-fabric.weft-new"),
    ]
    for path in left:
        path.write_text("half")
    assert store(name="pods", state="absent")["changed"]
    assert [path for path in left if path.exists()] == []
    assert not WEFT.exists()
