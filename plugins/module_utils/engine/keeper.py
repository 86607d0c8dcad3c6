# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the objects that a run may take along, from before its first request until they are there again."""

from __future__ import annotations

import errno
import os
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel import kept
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Failure, Kernel
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import netns_status
from ansible_collections.weft.fabric.plugins.module_utils.model.kept import Kept, Nexthop
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.plan.losses import Losses
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation


class Keeper:
    """The objects of some namespaces before a run.

    :ivar warnings: a sentence for each object that the kernel does not take again.
    """

    def __init__(self, kernel: Kernel, namespaces: Collection[str]) -> None:
        self._kernel = kernel
        self._first = {netns: kept.read(kernel.socket(netns)) for netns in sorted(namespaces)}
        self._before = {netns: objects.copy() for netns, objects in self._first.items()}
        self._tried: set[Any] = set()
        self._losses: dict[str, Losses] = {}
        self.warnings: list[str] = []

    def __bool__(self) -> bool:
        return bool(self._before)

    def losses(self) -> dict[str, Losses]:
        """What a plan may take along, by namespace: nothing is lost yet."""
        self._losses = {netns: Losses(objects) for netns, objects in self._before.items()}
        return self._losses

    def losses_now(self) -> dict[str, Losses]:
        """The same, with what has been lost meanwhile."""
        there = [netns for netns in self._before if netns_status(netns, named=False) == "present"]
        self._losses = {netns: Losses(self._before[netns], kept.read(self._kernel.socket(netns))) for netns in there}
        return self._losses

    def note(self, operations: Sequence[Operation], left: Iterable[tuple[Operation, Failure]]) -> None:
        """Forget what was deleted or changed on purpose, with links too, and what the kernel does not take again.

        :param operations: those that were carried out.
        :param left: those of them by which an object should have been restored, and was not.
        """
        if not self:
            return
        for operation, failure in left:
            self._before[operation.netns].forget(operation.after)
            if failure.code != errno.EEXIST:
                why = failure.detail or os.strerror(failure.code)
                self.warnings.append(
                    f"{operation.after.label(operation.netns)} is lost, the kernel refuses it now: {why}"
                )
        for netns, losses in self._losses.items():
            self._forget_gone(self._before[netns], losses)
        for operation in operations:
            verb, netns, item, *_rest = operation
            if isinstance(item, Namespace) and verb == "delete":
                self._before.pop(item.name, None)  # everything in it belongs to it
            elif verb == "restore" and (netns, item) not in self._tried:
                self._tried.add((netns, item))
            elif verb in ("delete", "set", "restore") and netns in self._before:
                self._before[netns].forget(item)

    @staticmethod
    def _forget_gone(before: Kept, losses: Losses) -> None:
        """Forget what is gone for good, and what a group of nexthops was with the members that are."""
        for gone in losses.gone:
            before.forget(gone)
            rest = losses.there.nexthops.get(gone.id) if isinstance(gone, Nexthop) else None
            if rest:
                before.add(rest)
                for route in losses.by_what_is_left(rest):
                    before.forget(route)

    def start_again(self) -> None:
        """Keep everything that was there at first, for a way back."""
        self._before = {netns: objects.copy() for netns, objects in self._first.items()}
        self._tried.clear()
