# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host remembers until it restarts: a hold, a guard that waits, the last error. Each is a small file in /run."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError

HOLD = "/run/weft-fabric.hold"
GUARD = "/run/weft-fabric.guard"
ERROR = "/run/weft-fabric.error"


def read(path: str) -> dict[str, Any] | None:
    """A note; None: there is none.

    :raises KernelError: it cannot be read.
    """
    try:
        found = json.loads(files.read(path) or b"null")
    except ValueError:
        return None  # root has written something else there
    return found if isinstance(found, dict) else None


def write(path: str, **content: Any) -> None:
    """Replace a note.

    :raises KernelError: the file system refuses.
    """
    files.replace(path, json.dumps(content).encode(), 0o600)


@contextmanager
def reported(by: str) -> Iterator[None]:
    """Remember the error that ends the block, until a later block ends without one.

    :param by: what has been tried.
    """
    try:
        yield
    except FabricError as error:
        with suppress(FabricError):  # the error itself matters more
            report(by, str(error))
        raise
    report(by, "")


def report(by: str, message: str) -> None:
    """Remember an error, or with an empty message none.

    :raises KernelError: the file system refuses.
    """
    if message:
        write(ERROR, time=int(time.time()), by=by, message=message)
    else:
        files.remove(ERROR)
