# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hold: for a time, neither a controller nor the host itself changes anything, so that an operator's own fix stays.

A rollback and the guard are not held. A restart of the host ends the hold.
"""

from __future__ import annotations

import time

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.host import notes


def begin(seconds: int) -> None:
    """Hold this host.

    :param seconds: 0: until end() is called.
    """
    notes.write(notes.HOLD, until=int(time.time()) + seconds if seconds else 0)


def end() -> None:
    """Let this host be changed again."""
    files.remove(notes.HOLD)


def text() -> str:
    """A sentence on the hold; empty: there is none."""
    note = notes.read(notes.HOLD)
    if note is None or 0 < note["until"] <= time.time():
        return ""
    until = time.strftime(" until %Y-%m-%d %H:%M:%S %Z", time.localtime(note["until"])) if note["until"] else ""
    return f"this host is on hold{until}: 'weft-fabric hold off' ends that"
