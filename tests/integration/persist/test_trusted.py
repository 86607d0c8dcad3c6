# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What root runs and obeys belongs to root, and root alone can write it; otherwise it is refused by name."""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
from collections.abc import Callable

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host import generation, install, trusted
from ansible_collections.weft.fabric.plugins.module_utils.host.transaction import Transaction
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    DOCUMENT,
    WEFT,
    command,
    generation_of,
    tree,
)

NOBODY = 65534
FILE = WEFT / "generations" / "1" / "generation.json"


def attempt(check: bool = False) -> str:
    """Apply an empty document; the refusal, or whether something has changed."""
    try:
        result, _generation = Transaction(generation.read(), generation_of(pods={}).documents).run(check)
    except FabricError as error:
        return str(error)
    return "changed" if result.changed else "unchanged"


def belongs(path: pathlib.Path) -> str:
    os.chown(path, NOBODY, 0)
    return f"{path} belongs to user nobody"


def written_by_all(path: pathlib.Path) -> str:
    path.chmod(0o777 if path.is_dir() else 0o666)
    return f"{path} has mode 0{'777' if path.is_dir() else '666'}"


def of_a_group(path: pathlib.Path) -> str:
    os.chown(path, 0, 4000)
    path.chmod(0o664)
    with open("/etc/group", "a", encoding="utf-8") as groups:
        groups.write("operators:x:4000:nobody\n")
    return f"{path} has mode 0664"


def link_of_a_user(path: pathlib.Path) -> str:
    elsewhere = path.rename(path.with_suffix(".moved"))
    path.symlink_to(elsewhere)
    os.chown(path, NOBODY, 0, follow_symlinks=False)
    return f"{path} belongs to user nobody"


@pytest.mark.parametrize("spoil", [belongs, written_by_all, of_a_group, link_of_a_user])
@pytest.mark.parametrize("path", [FILE, FILE.parent, WEFT], ids=["file", "its directory", "directory"])
def test_generations_that_others_can_write(
    stored, run_module, path: pathlib.Path, spoil: Callable[[pathlib.Path], str]
) -> None:
    words = spoil(path)
    before = tree()
    for arguments in (["diff"], ["apply"], ["show"]):
        done = command(*arguments)
        assert (done.returncode, done.stdout) == (os.EX_CONFIG, "")
        assert f"the generation {FILE} is refused: {words}" in done.stderr
    result = run_module("host", documents={"pods": DOCUMENT})
    assert f"the generation {FILE} is refused: {words}" in result["msg"]
    assert tree() == before


def test_a_group_without_members_is_no_danger(stored) -> None:
    os.chown(FILE, 0, 4000)
    FILE.chmod(0o664)
    assert command("diff").returncode == 2


def test_an_interpreter_of_a_user(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python3"
    shutil.copy("/usr/bin/true", python)
    monkeypatch.setattr(sys, "executable", str(python))
    monkeypatch.setattr(install, "systemd_runs", lambda: True)
    before = tree()
    for spoil in (belongs, written_by_all):
        words = spoil(python)
        for check in (True, False):
            message = attempt(check)
            assert f"the interpreter {python} is refused: {words}" in message
            assert "set ansible_python_interpreter" in message
        os.chown(python, 0, 0)
    assert tree() == before


@pytest.mark.parametrize("name", ["a python", "tab\tpython", "x" * 130])
def test_an_interpreter_that_cannot_stand_in_the_first_line(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", f"/opt/{name}/python")
    monkeypatch.setattr(install, "systemd_runs", lambda: True)
    assert "its path has a space or is too long" in attempt()
    assert not WEFT.exists()


def test_a_directory_above_the_command_that_others_can_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "systemd_runs", lambda: True)
    words = written_by_all(pathlib.Path("/usr/local/sbin"))
    assert f"the file /usr/local/sbin/weft-fabric is refused: {words}" in attempt()
    assert not WEFT.exists()


def test_the_names_of_one_interpreter_install_one_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    assert attempt() == "changed"
    directory = pathlib.Path(sys.executable).parent
    for name in ("python", "python3"):
        monkeypatch.setattr(sys, "executable", str(directory / name))
        assert trusted.interpreter() == str(directory / "python3")
        assert attempt() == "unchanged"


def test_a_command_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/usr/bin/false")
    before = tree()
    assert "/usr/local/sbin/weft-fabric --help fails: status 1" in attempt()
    assert tree() == before
