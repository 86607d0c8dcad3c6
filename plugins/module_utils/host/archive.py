# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command weft-fabric as a Python zip archive of the module_utils that this process runs itself."""

from __future__ import annotations

import functools
import hashlib
import io
import pkgutil
import zipfile
import zipimport
from collections.abc import Iterator
from typing import Any

from ansible_collections.weft.fabric.plugins import module_utils
from ansible_collections.weft.fabric.plugins.module_utils.host.engines import VERSION
from ansible_collections.weft.fabric.plugins.module_utils.host.trusted import interpreter

_PREFIX = module_utils.__name__
# Python opens the archive again for each import. Another run may have removed it by then.
_MAIN = f"""import os
import sys

sys.path[0] = f"/proc/self/fd/{{os.open(sys.path[0], os.O_RDONLY)}}"

from {_PREFIX}.host.command import main

sys.exit(main())
"""


def engine() -> bytes:
    """The archive. The same code always gives the same bytes."""
    return _packed(interpreter())


def version() -> str:
    """The version of this collection, with a hash of its code."""
    return f"{VERSION}-{hashlib.sha256(engine()).hexdigest()[:12]}"


@functools.cache
def _packed(python: str) -> bytes:
    packages = _PREFIX.split(".")
    sources = {f"{'/'.join(packages[:depth])}/__init__.py": b"" for depth in range(1, len(packages))}
    sources.update(_sources(module_utils.__path__[0], "/".join(packages)))
    sources["__main__.py"] = _MAIN.encode()
    # -I: the caller's environment and directory are not searched for imports.
    packed = io.BytesIO(f"#!{python} -I\n".encode())
    packed.seek(0, io.SEEK_END)
    with zipfile.ZipFile(packed, "w") as archive:
        for name, source in sources.items():
            # ZipInfo has a fixed date. The archive is not compressed, because each call packs it.
            archive.writestr(zipfile.ZipInfo(name), source)
    return packed.getvalue()


def _sources(directory: str, package: str) -> Iterator[tuple[str, bytes]]:
    """The sources of a package and everything below it as (path in the archive, source), without importing them.

    :param directory: the directory of the package; it may be in a zip archive.
    """
    yield f"{package}/__init__.py", _source(directory, "__init__")
    for _finder, name, is_package in pkgutil.iter_modules([directory]):
        if is_package:
            yield from _sources(f"{directory}/{name}", f"{package}/{name}")
        else:
            yield f"{package}/{name}.py", _source(directory, name)


def _source(directory: str, name: str) -> bytes:
    """The source of a file of a package."""
    importer: Any = pkgutil.get_importer(directory)
    loader = importer if isinstance(importer, zipimport.zipimporter) else importer.find_spec(name).loader
    return str(loader.get_source(name)).encode()
