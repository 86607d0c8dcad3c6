# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/vm/keep_compiled.py: what is kept is used again, and only for the source that it was made of."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import zipfile

import pytest

TOOLS = pathlib.Path(__file__).parents[2] / "tools" / "vm"
PROGRAM = "import sys; sys.path[:0] = sys.argv[1:]; import keep_compiled, module; print(module.VALUE)"


@pytest.fixture
def kept(tmp_path: pathlib.Path) -> pathlib.Path:
    directory = tmp_path / "kept"
    directory.mkdir()
    return directory


def value(archive: pathlib.Path, kept: pathlib.Path, source: str) -> str:
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("module.py", source)
    command = [sys.executable, "-c", PROGRAM, str(TOOLS), str(archive)]
    environment = {**os.environ, "KEEP_COMPILED": str(kept)}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


def test_kept_and_used_again(tmp_path: pathlib.Path, kept: pathlib.Path) -> None:
    archive = tmp_path / "archive.zip"
    assert value(archive, kept, "VALUE = 'one'") == "one"
    (first,) = kept.iterdir()
    assert first.name.startswith(f"{sys.implementation.cache_tag}-")
    written = first.stat().st_mtime_ns
    assert value(archive, kept, "VALUE = 'one'") == "one"
    assert value(archive, kept, "VALUE = 'two'") == "two"
    assert (len(list(kept.iterdir())), first.stat().st_mtime_ns) == (2, written)
    # What is there is what runs.
    (second,) = set(kept.iterdir()) - {first}
    second.replace(first)
    assert value(archive, kept, "VALUE = 'one'") == "two"


def test_without_the_directory(tmp_path: pathlib.Path) -> None:
    """It is root's: another user's Python compiles for itself."""
    assert value(tmp_path / "archive.zip", tmp_path / "missing", "VALUE = 1") == "1"
