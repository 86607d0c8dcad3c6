# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Faults in an inventory, collected so that a user gets all of them at once.

A planner takes a Faults, reports each fault to it, and goes on with the rest. With STOP, the first fault is raised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Callable, NamedTuple, TypeVar

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

T = TypeVar("T")


class Fault(NamedTuple):
    """A value that is refused.

    :ivar hosts: the hosts that it concerns, first the one that the line names. Empty: it concerns the whole inventory.
    :ivar line: the host, its variable with index, the value and the remedy.
    """

    hosts: tuple[str, ...]
    line: str


@dataclass(frozen=True)
class Faults:
    """Where faults are reported.

    :ivar found: the faults so far. None: the first one is raised.
    :ivar who: begins each line: the host's name.
    :ivar hosts: the hosts that the faults concern.
    """

    found: list[Fault] | None
    who: str = ""
    hosts: tuple[str, ...] = ()

    def at(self, who: str, *hosts: str) -> Faults:
        """The same for faults of a host, or of several hosts under one name."""
        return replace(self, who=who, hosts=hosts or (who,))

    def add(self, error: InvalidParameter, *others: str) -> None:
        """Report a fault.

        :param others: further hosts that it concerns.
        :raises InvalidParameter: the first fault is to be raised.
        """
        named = error
        if self.who:
            named = InvalidParameter(f"{self.who}: {error.parameter}", error.value, error.remedy)
        if self.found is None:
            raise named from None
        fault = Fault(tuple(dict.fromkeys((*self.hosts, *others))), str(named))
        if fault not in self.found:
            self.found.append(fault)

    def check(self, function: Callable[..., T], *arguments: Any) -> T | None:
        """What a function returns; None: it refused a value, which is reported."""
        try:
            return function(*arguments)
        except InvalidParameter as error:
            self.add(error)
            return None


STOP = Faults(None)
"""For planners whose input has been validated, and for filters: the first fault is raised."""
