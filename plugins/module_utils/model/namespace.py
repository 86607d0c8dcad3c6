# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces: their names, and how text for people names them."""

from __future__ import annotations

from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values

MISSING = ("absent", "unfinished")  # the statuses of a namespace that can be made
_REASONS = {"directory": "it is a directory", "another type": "it is a namespace of another type"}


class Namespace(NamedTuple):
    """A named network namespace.

    :ivar joins: the name is a further name of this namespace (empty: that of the process), as ``ip netns attach`` adds
        it.
    """

    name: str
    joins: str | None = None

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than what is asked for: everything in a namespace depends on it."""
        return True

    def label(self, _netns: str = "") -> str:
        """The object in a message: ``namespace pod1``."""
        return f"namespace {self.name}"

    def lines(self, _netns: str = "") -> list[str]:
        """The object as lines of a diff."""
        joins = "" if self.joins is None else f" joins {self.joins or 'this one'}"
        return [f"namespace {self.name}{joins}"]


def unusable(netns: str, status: str) -> str:
    """The message about a namespace that cannot be used, by whatever it is given.

    :param status: what is there instead (netns.netns_status).
    """
    if status not in MISSING:
        reason = _REASONS.get(status, "no namespace is mounted on that file")
        return f"namespace {netns} is no network namespace: {reason}: {_remedy(netns, status)}"
    if values.is_process(netns):
        remedy = "give a process that runs, or the namespace's name"
    elif netns.startswith("/"):
        remedy = "give the path of a file that a namespace is mounted on"
    else:
        remedy = "create it with weft.fabric.netns"
    return f"namespace {netns} does not exist: {remedy}"


def _remedy(netns: str, status: str) -> str:
    if netns.startswith("/"):
        return "give the path of a file that one is mounted on, such as /proc/4711/ns/net"
    return "remove it by hand" if status == "directory" else "remove it with weft.fabric.netns (state: absent)"


def place_of(netns: str) -> str:
    """The words by which a message names a namespace; empty for the host's own."""
    return f" in namespace {netns}" if netns else ""


def prefix_of(netns: str) -> str:
    """The words by which a line of a diff names a namespace; empty for the host's own."""
    return f"netns {netns}: " if netns else ""
