# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Both patches of the import machinery do what they are for, and change nothing else."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import zipfile

import pytest

SHARED = pathlib.Path(__file__).parents[2] / "plugins" / "module_utils"

COUNT = """
import sys, zipimport
compiled = []
compile_source = zipimport._compile_source
zipimport._compile_source = lambda path, source: compiled.append(path) or compile_source(path, source)
sys.path.insert(0, sys.argv[1])
import imports
if sys.argv[2] == "patched":
    imports.compile_archives_once()
compiled.clear()
import package.module
print(package.__file__, package.module.__file__, package.module.VALUE, package.__path__)
print(len(compiled))
"""


def run(program: str, *arguments: object) -> list[str]:
    command = [sys.executable, "-I", "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


@pytest.fixture
def archive(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as made:
        made.write(SHARED / "imports.py", "imports.py")
        made.writestr("package/__init__.py", "")
        made.writestr("package/module.py", "VALUE = 7")
    return path


def test_each_file_of_an_archive_is_compiled_once(archive: pathlib.Path) -> None:
    names, compiled = run(COUNT, archive, "patched")
    assert (names, compiled) == (run(COUNT, archive, "as it is")[0], "2")
    assert f"{archive}/package/__init__.py {archive}/package/module.py 7" in names


def test_the_patch_still_saves_something(archive: pathlib.Path) -> None:
    """A Python that compiles each file once by itself needs no patch."""
    assert run(COUNT, archive, "as it is")[1] == "4"


SKIP = """
import sys
sys.path[:0] = sys.argv[1:]
import imports
imports.skip_package_init("package")
from package.module import VALUE
print(VALUE, hasattr(sys.modules["package"], "INITIALISED"))
imports.skip_package_init("missing")
try:
    import missing.module
except ImportError as error:
    print(error)
"""


def test_a_submodule_is_imported_without_its_packages_init(tmp_path: pathlib.Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__init__.py").write_text("INITIALISED = True\n", encoding="utf-8")
    (tmp_path / "package" / "module.py").write_text("VALUE = 7\n", encoding="utf-8")
    assert run(SKIP, SHARED, tmp_path) == ["7 False", "No module named 'missing'"]
