# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operations of a plan, and the diff that shows them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.values import IPV6_MTU


class Operation(NamedTuple):
    """One request to the kernel.

    :ivar verb: ``create``, ``set``, ``move``, ``delete``, or ``restore`` for what another operation takes along;
        ``follow`` for what the kernel changes by itself with the operation before: it takes no request.
    :ivar before: the object as it is, or None. Of a link that is set: the attributes that change.
    :ivar after: the object as it will be, or None.
    :ivar peer: the other end of a veth that is created.
    :ivar to: the namespace that a link is moved to.
    :ivar shown: whether the diff shows it. A port that leaves its bond for the time of a change does not belong there.
    """

    verb: str
    netns: str
    before: Any = None
    after: Any = None
    peer: Link | None = None
    to: str = ""
    shown: bool = True

    @property
    def makes(self) -> bool:
        """Whether the object was not there before."""
        return self.verb == "create" or (self.verb == "set" and self.before is None)


class Lost(NamedTuple):
    """An object of others that an operation takes along, and that cannot be made again.

    :ivar left: what stays of it; None: nothing.
    """

    netns: str
    item: Any
    reason: str
    left: Any = None


@dataclass
class Plan:
    """Everything that a run asks of the kernel.

    :ivar lost: what operations take along for good.
    :ivar adopted: objects of somebody else that are ours from now on, each with its namespace.
    :ivar view: the state afterwards, by namespace, as far as it can be known before.
    """

    operations: list[Operation] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    adopted: list[tuple[str, Any]] = field(default_factory=list)
    lost: list[Lost] = field(default_factory=list)
    view: dict[str, Observed] = field(default_factory=dict)

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than the operations ask for."""
        return any((item.after or item.before).disturbs for item in self.operations)

    @property
    def takes_along(self) -> set[str]:
        """The namespaces in which the kernel may delete objects of others with these operations.

        Everything in a namespace that is deleted belongs to it.
        """
        deleted = {
            item.before.name for item in self.operations if item.verb == "delete" and isinstance(item.before, Namespace)
        }
        return {item.netns for item in self.operations if _takes_along(item)} - deleted

    def diff(self) -> dict[str, str]:
        """Ansible's diff: one line for each fact that changes, before and after."""
        before: list[str] = []
        after: list[str] = []
        deleted = {_end(item) for item in self.operations if item.verb == "delete" and isinstance(item.before, Link)}
        for operation in self.operations:
            if operation.shown:
                then, now = _facts(operation)
                if operation.verb == "create" and isinstance(operation.after, Link) and _end(operation) in deleted:
                    now[0] += " (recreated)"
                before += then
                after += now
        for netns, item, reason, left in self.lost:
            lines = [item.summary(netns)] if isinstance(item, Link) else item.lines(netns)
            before += [f"{line} (lost: {reason})" for line in lines]
            after += left.lines(netns) if left else []
        return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def _end(operation: Operation) -> tuple[str, str]:
    """The namespace and name of a link that an operation is on."""
    return operation.netns, (operation.after or operation.before).name


def _takes_along(operation: Operation) -> bool:
    verb, _netns, before, after, *_rest = operation
    if verb == "delete":
        return isinstance(before, Link) or getattr(before, "list_name", "") == "addresses"
    if not isinstance(before, Link):
        return False
    wanted = after.attributes
    small = (wanted.get("mtu") or IPV6_MTU) < IPV6_MTU
    touches = "controller" in wanted or "mac_address" in wanted
    return verb == "move" or touches or wanted.get("admin_state") == "down" or small


def _far_end(link: Link, peer: Link | None) -> list[str]:
    """The lines of a pair's other end, which is made with it."""
    return peer.lines(link.peer[0]) if peer and link.peer else []


def _facts(operation: Operation) -> tuple[list[str], list[str]]:
    verb, netns, before, after, peer, to, _shown = operation
    if verb == "move":
        return [before.summary(netns)], [after.summary(to)]
    if verb == "create" and isinstance(after, Link):
        return [], [after.summary(netns), *_far_end(after, peer)]
    if verb == "delete" and isinstance(before, Link):
        return [before.summary(netns)], []
    if verb == "restore":
        return before.lines(netns), [f"{line} (restored)" for line in after.lines(netns)]
    then, now = before.lines(netns) if before else [], after.lines(netns) if after else []
    return [line for line in then if line not in now], [line for line in now if line not in then]
