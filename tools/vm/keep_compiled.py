# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep what Python compiles of archives: each Python of the boxes, and of the integration tests, begins with this.

A module of Ansible's comes as an archive, which each call compiles anew, for longer than all that the module then does.
What is kept is found by the source and the version of Python, so that it cannot be of another one.
"""

from __future__ import annotations

import _imp
import marshal
import os
import sys
import zipimport

KEPT = os.environ.get("KEEP_COMPILED", "/run/keep_compiled")
"""A directory of root's: build_box.sh."""

_compile = zipimport._compile_source


def _kept(pathname: str, source: bytes) -> object:
    path = f"{KEPT}/{sys.implementation.cache_tag}-{_imp.source_hash(0, source).hex()}"
    try:
        with open(path, "rb") as file:
            return marshal.loads(file.read())
    except OSError:
        pass  # not yet there, or not root's
    code = _compile(pathname, source)
    # Another process may be at the same.
    made = f"{path}.{os.getpid()}"
    try:
        with open(made, "wb") as file:
            file.write(marshal.dumps(code))
        os.rename(made, path)
    except OSError:
        pass  # not root's
    return code


zipimport._compile_source = _kept
