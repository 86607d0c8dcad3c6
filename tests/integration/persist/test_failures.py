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

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host import generation, install, notes, transaction
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    CONFIRMED,
    DOCUMENT,
    WEFT,
    command,
    generation_of,
    killed_at,
    text,
    tree,
)


def test_a_full_disk(run_module):
    """An error; the network stays as it is, the old generation is kept, and nothing is left beside it."""
    WEFT.mkdir()
    kernel.run("mount", "-t", "tmpfs", "-o", "size=20k,mode=0700", "tmpfs", str(WEFT))
    try:
        assert run_module("host", documents={"pods": DOCUMENT})["changed"]
        old = tree()
        larger = copy.deepcopy(DOCUMENT)
        larger["topology"]["namespaces"][""]["links"] += [
            {"name": f"br{number}", "kind": "bridge", "addresses": [f"10.{number // 250 + 20}.{number % 250}.1/24"]}
            for number in range(1, 400)
        ]
        with kernel.unchanged(""):
            message = run_module("host", documents={"pods": larger})["msg"]
        assert "No space left on device (ENOSPC); make room" in message and "\n" not in message
        assert (tree(), text()) == (old, {"pods": DOCUMENT})
        assert command("diff").returncode == 0
        assert run_module("host", documents={"pods": {}}, state="absent")["changed"]
        assert list(WEFT.iterdir()) == []
    finally:
        kernel.run("umount", str(WEFT))


def is_read_only(path: pathlib.Path) -> str:
    path.mkdir(parents=True, exist_ok=True)
    kernel.run("mount", "-t", "tmpfs", "-o", "ro,mode=0755", "tmpfs", str(path))
    return f"cannot write {path}: Read-only file system (EROFS); make the file system writable"


def is_full(path: pathlib.Path) -> str:
    path.mkdir(parents=True, exist_ok=True)
    kernel.run("mount", "-t", "tmpfs", "-o", "size=4k,mode=0755", "tmpfs", str(path))
    (path / "other").write_bytes(b"x" * 4096)
    return f"cannot write {path}: No space left on device (ENOSPC); make room"


def has_no_inodes(path: pathlib.Path) -> str:
    path.mkdir(parents=True, exist_ok=True)
    kernel.run("mount", "-t", "tmpfs", "-o", "nr_inodes=1,mode=0755", "tmpfs", str(path))
    return f"cannot write {path}: No space left on device (ENOSPC); make room"


def is_a_file(path: pathlib.Path) -> str:
    path.write_text("mine")
    return "Not a directory (ENOTDIR); a file is in the place of a directory: remove it"


def belongs_to_a_user(path: pathlib.Path) -> str:
    path.mkdir(parents=True, exist_ok=True)
    os.chown(path, 65534, 0)
    return f"{path} belongs to user nobody; everything on the way to it has to belong to root"


def is_open_to_all(path: pathlib.Path) -> str:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o777)
    return f"{path} has mode 0777; everything on the way to it has to belong to root"


LIBRARY = pathlib.Path("/usr/local/lib/weft")
SPOILED = [
    *((WEFT, spoil) for spoil in (is_read_only, is_full, has_no_inodes, is_a_file, belongs_to_a_user, is_open_to_all)),
    *((LIBRARY, spoil) for spoil in (is_read_only, is_full, has_no_inodes, is_a_file)),
    *((pathlib.Path("/usr/local/sbin"), spoil) for spoil in (is_read_only, is_full)),
    (pathlib.Path("/etc/systemd/network"), is_read_only),
    (pathlib.Path("/etc/NetworkManager/conf.d"), is_read_only),
]


@pytest.mark.parametrize(("path", "spoil"), SPOILED, ids=[f"{path} {spoil.__name__}" for path, spoil in SPOILED])
def test_what_cannot_be_written_is_refused_before_anything_changes(
    run_module, path: pathlib.Path, spoil: Callable[[pathlib.Path], str]
) -> None:
    """By the plan already."""
    told = spoil(path)
    before = ours()
    try:
        for check in (True, False):
            with kernel.unchanged(""):
                refused = run_module("host", documents={"pods": DOCUMENT}, check=check)
            assert told in refused.get("msg", ""), refused
            assert "\n" not in refused["msg"] and ours() == before
    finally:
        kernel.run("sh", "-c", f"umount -q {path} || :")
    assert not pathlib.Path(notes.GUARD).exists()


@pytest.mark.parametrize("check", [True, False])
def test_a_missing_interpreter_is_refused_before_anything_changes(check: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    before = ours()
    with kernel.unchanged(""), pytest.raises(FabricError, match="the interpreter /nowhere/python is missing"):
        transaction.Transaction(generation.read(), generation_of(pods=DOCUMENT).documents).run(check)
    assert ours() == before


def ours() -> dict[str, Any]:
    """The files of /etc and /usr/local that say that they are ours."""
    return {path: found for path, found in tree().items() if "weft" in path}


def _settle(new: Generation) -> None:
    """All that is written for a generation."""
    new = new._replace(number=generation.next_number())
    generation.begin(new)
    install.apply([new.documents], systemd=False)
    generation.become_current(new)
    generation.confirm(new)
    generation.finish(new, confirmed=True)


def test_killed_between_any_two_steps(monkeypatch):
    """From nothing to a generation, to another one, and to nothing: each killed before each of its steps."""
    monkeypatch.setattr(install, "run", lambda *_words: None)  # the command itself changes nothing
    other = copy.deepcopy(DOCUMENT)
    other["topology"]["namespaces"][""]["links"][0]["name"] = "br1"
    other["topology"]["namespaces"][""]["links"][1]["controller"] = "br1"
    stages = [generation_of(), generation_of(pods=DOCUMENT), generation_of(pods=other), generation_of()]
    for before, after in zip(stages, stages[1:]):
        _settle(after)
        wanted = {path: found for path, found in tree().items() if "/etc/weft" not in path}
        step = 1
        while True:
            _settle(before)
            if not killed_at(step, lambda after=after: _settle(after)):
                break
            record = generation.read()
            for found in record.known:
                assert found.asks_for(before.documents) or found.asks_for(after.documents), "a generation is whole"
            _settle(after)
            assert {path: found for path, found in tree().items() if "/etc/weft" not in path} == wanted, f"step {step}"
            assert not install.interrupted()
            assert not [path for path in tree() if path.endswith(".weft-new")]
            step += 1
        assert step > 10
    assert not WEFT.exists() and not CONFIRMED.exists()
