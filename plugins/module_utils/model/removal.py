# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a document removes: each object with the time and the condition of its removal."""

from __future__ import annotations

from typing import Any, NamedTuple

BEFORE = "before"  # before anything is created
AFTER = "after"  # once everything that replaces it works


class Removal(NamedTuple):
    """The removal of one object.

    An object that does not exist needs no removal. A link with an origin returns there instead of being deleted, an
    interface of the host leaves its controller, and a shared link stays while it has ports of others. A namespace's
    further name is removed only while it is one.

    :ivar netns: the namespace of the object; empty for a namespace.
    :ivar item: the object: a namespace, a link, or an entry.
    :ivar phase: BEFORE or AFTER.
    :ivar strict: the user lists the object by name, so another kind of link of that name is refused. Otherwise a record
        of an earlier run names it, and another kind of link of that name, or another program's entry, is left alone.
    """

    netns: str
    item: Any
    phase: str = BEFORE
    strict: bool = False
