# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where engines are installed on a host: the command's archives, one for each version that made a kept generation."""

from __future__ import annotations

import os

from ansible_collections.weft.fabric.plugins.module_utils.host.systemd import COMMAND

VERSION = "0.1.0"
LIBRARY = "/usr/local/lib/weft"
_FILE = f"{LIBRARY}/weft-fabric-{{}}.pyz"


def path(version: str) -> str:
    """The path of an engine.

    :param version: as archive.version() has it.
    """
    return _FILE.format(version)


def installed() -> str:
    """The version that the command runs; empty: it is not installed."""
    before, after = _FILE.split("{}")
    target = os.path.realpath(COMMAND)
    return target[len(before) : -len(after)] if target.startswith(before) else ""
