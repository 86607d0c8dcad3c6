# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two patches of Python's import machinery. All that this collection changes of it is in this file.

Both shorten a module's run, and neither is needed for its result: without them a module does the same, more slowly.
tests/unit/test_imports.py tests each with every Python that a host may have.
"""

from __future__ import annotations

import importlib.util
import sys
import zipimport
from typing import Any


def compile_archives_once() -> None:
    """Let importlib learn a file name from a zip archive without compiling the file.

    Ansible sends a module and its utilities as a zip archive. Before Python runs a module of an archive, importlib
    asks the archive's importer for the module's file name, and zipimport compiles the whole source to answer; then it
    compiles the source again to run it (Lib/zipimport.py: get_filename, get_code). The name follows from the module's.

    The patch relies on ``zipimporter`` being a Python class with the attributes ``archive`` and ``prefix`` and the
    method ``is_package()``, as in Python 3.8 to 3.14. Without one of them, get_filename() would raise AttributeError at
    the first import.
    """

    def get_filename(self: Any, fullname: str) -> str:
        name = fullname.rpartition(".")[2]
        return f"{self.archive}/{self.prefix}{name}" + ("/__init__.py" if self.is_package(fullname) else ".py")

    zipimport.zipimporter.get_filename = get_filename  # type: ignore[method-assign]


def skip_package_init(package: str) -> None:
    """Let a package's submodules be imported without running the package's ``__init__``.

    pyroute2's takes five times as long as the one class that is used here, most of a module's run.

    The patch relies on a module object that find_spec() describes being enough of a package to import submodules from,
    and on the class importing what it needs by itself, as in pyroute2 0.7.2 to 0.9.7. A later import of the package
    gets the empty module. If the class needed more, its import would fail, and the module would report that pyroute2
    cannot be imported.
    """
    if package not in sys.modules:
        spec = importlib.util.find_spec(package)
        if spec is not None:
            sys.modules[package] = importlib.util.module_from_spec(spec)
