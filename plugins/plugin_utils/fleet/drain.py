# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodes that are taken out of the fabric: which hosts take part, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_PHASES = ("common_planned", "common_applied", "common_said", "verify_result")
_AGAIN = "run this playbook again"


def names(given: Any) -> list[str]:
    """The names of nodes, from text with commas or from a list."""
    words = given.split(",") if isinstance(given, str) else given
    return [*dict.fromkeys(filter(None, (str(word).strip() for word in words)))]


def pattern(given: Any, everywhere: Sequence[str], sign: str = "") -> str:
    """A part of a pattern of hosts, for the nodes that the inventory has. It begins with a colon, if it is not empty.

    :param everywhere: all hosts of the inventory.
    :param sign: before each name, such as ``!``.
    """
    return "".join(f":{sign}{name}" for name in names(given) if name in everywhere)


def results(variables: Mapping[str, Mapping[str, Any]], hosts: Sequence[str]) -> dict[str, dict[str, Any]]:
    """By host, what the phases have registered.

    :param variables: Ansible's ``hostvars``.
    """
    found = {}
    for host in hosts:
        own = variables[host]  # once, because Ansible collects a host's variables each time
        found[host] = {name: own[name] for name in _PHASES if name in own}
    return found


@dataclass(frozen=True)
class Drain:
    """A run that takes nodes out.

    :ivar nodes: the names of these nodes.
    :ivar staying: the nodes that stay.
    :ivar routers: the routers.
    :ivar everywhere: all hosts of the inventory.
    :ivar found: by host, what the phases have registered.
    """

    nodes: Sequence[str]
    staying: Sequence[str]
    routers: Sequence[str]
    everywhere: Sequence[str]
    found: Mapping[str, Mapping[str, Any]]

    @property
    def hosts(self) -> list[str]:
        """The hosts that are changed before the nodes."""
        return [host for host in dict.fromkeys((*self.routers, *self.staying)) if host not in self.nodes]

    @property
    def unknown(self) -> list[str]:
        """The names that neither the inventory has nor a host that was planned."""
        listed = {name for host in self.hosts for name in self._result(host, "common_planned").get("drained", ())}
        return [name for name in self.nodes if name not in self.everywhere and name not in listed]

    @property
    def obstacle(self) -> str:
        """Why the nodes themselves are not changed; empty: nothing keeps them from being changed."""
        failed = [host for host in self.hosts if self._has_failed(host)]
        if failed:
            return f"{', '.join(failed)} failed, and may have entries of it"
        proofs = [self._result(host, "verify_result") for host in self.hosts]
        return "the proof has failed" if any(proof.get("suspects") for proof in proofs) else ""

    @property
    def lines(self) -> list[str]:
        """What has become of each node, and what is left to do."""
        ends = {node: self._end(node) for node in self.nodes}
        absent = [host for host in self.hosts if not self._result(host, "common_planned")]
        lines = [f"{node}: {end}" for node, end in ends.items()]
        if absent:
            lines.append(f"Not in this run, so they may still have entries of it: {', '.join(absent)}")
        return [*lines, self._rest()]

    def _rest(self) -> str:
        gone = [node for node in self.nodes if node in self.everywhere]
        if self.obstacle:
            return f"Delete nothing from the inventory yet: find the cause, and {_AGAIN}"
        if not gone:
            return "There is nothing to delete from the inventory"
        both = [node for node in gone if node in self.routers]
        whole = [node for node in gone if node not in self.routers]
        parts = [f"from the inventory: {', '.join(whole)}"] if whole else []
        parts += [f"from the group of nodes: {', '.join(both)}"] if both else []
        return f"Delete {'; '.join(parts)}"

    def _end(self, node: str) -> str:
        if node not in self.everywhere:
            return "it is not in the inventory; its entries are removed"
        planned, applied = self._result(node, "common_planned"), self._result(node, "common_applied")
        if not planned:
            return "it is not in this run, and stays as it is"
        if planned.get("unreachable") or applied.get("unreachable"):
            return f"it cannot be reached, and keeps what it has; if it comes back before it is deleted, {_AGAIN}"
        if applied.get("failed"):
            return f"it has failed: find the cause, and {_AGAIN}"
        if not applied and planned.get("differs"):
            return f"it stays as it is: {self.obstacle or 'it was not changed'}"
        return "it is drained"

    def _has_failed(self, host: str) -> bool:
        """Whether a host was not changed, or may go back because nobody could confirm the change."""
        said = self._result(host, "common_said")
        return bool(self._result(host, "common_applied").get("failed") or said.get("rc") or said.get("unreachable"))

    def _result(self, host: str, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.found.get(host, {}).get(name, {})
        return found
