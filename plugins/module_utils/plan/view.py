# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The state of a host as far as it is planned, and the few methods by which every phase changes it."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from itertools import groupby, repeat
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.kinds import PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import EQUAL, LOWERED
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import MISSING, place_of, unusable
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation, Plan
from ansible_collections.weft.fabric.plugins.module_utils.values import IPV6_MTU

if TYPE_CHECKING:
    from ansible_collections.weft.fabric.plugins.module_utils.plan.losses import Losses

_DEFAULTS = tuple(Operation._field_defaults[name] for name in Operation._fields[4:])


class View:
    """The state of a host as far as it is planned.

    :ivar observed: the state before, by namespace; it stays as it is.
    :ivar state: the planned state, by namespace.
    :ivar remade: by namespace and name of links that are made again, what they keep without being asked.
    :ivar parted: by namespace and name of links that are made again, the ports that they had.
    :ivar losses: by namespace, what the operations so far take along; without a namespace, nobody asked.
    :ivar unwanted: by namespace, entries that authoritative lists do not contain, in the order of the phases.
    """

    def __init__(
        self,
        document: Document,
        observed: Mapping[str, Observed],
        check: bool,
        losses: Mapping[str, Losses] | None = None,
    ) -> None:
        self.document = document
        self.observed = observed
        self.check = check
        self.state = {netns: state.copy() for netns, state in observed.items()}
        # A namespace of which the document says nothing is only observed in the first round.
        self.losses = {netns: found for netns, found in (losses or {}).items() if netns in observed}
        self.remade: dict[tuple[str, str], Mapping[str, Any]] = {}
        self.parted: dict[tuple[str, str], list[str]] = {}
        self.plan = Plan(view=self.state)
        self._followed: dict[tuple[str, str, str], int] = {}  # places in the plan, by namespace, link and attribute
        self.unwanted: dict[str, list[list[Any]]] = defaultdict(list)

    def do(self, verb: str, netns: str, before: Any = None, after: Any = None, **more: Any) -> None:
        """Add an operation."""
        self.plan.operations.append(Operation(verb, netns, before, after, **more))
        if verb in ("set", "delete") and netns in self.losses:
            self.losses[netns].forget(before)

    def do_all(self, verb: str, netns: str, before: Iterable[Any], after: Iterable[Any]) -> None:
        """Add an operation for each of many objects."""
        fields = (repeat(verb), repeat(netns), before, after, *map(repeat, _DEFAULTS))
        self.plan.operations += make_all(Operation, zip(*fields))

    def delete_entries(self, netns: str, items: Collection[Any]) -> None:
        """Delete addresses, routes, rules, neighbours and FDB entries that exist."""
        self.do_all("delete", netns, items, repeat(None))
        now = self.at(netns)
        for name, group in groupby(items, attrgetter("list_name")):
            table = getattr(now, name)
            for item in group:
                item.drop_from(table)
                if netns in self.losses:
                    self.losses[netns].forget(item)
                if name == "addresses" and netns in self.losses:
                    self.losses[netns].deleted(item, now.addresses.values())

    def missing(self, message: str) -> None:
        """Fail because an object is missing; in check mode, warn and go on as if it existed.

        :raises FabricError: with the message.
        """
        if not self.check:
            raise FabricError(message)
        self.plan.warnings.append(f"{message} (check mode: taken as if it did)")

    def require_namespace(self, netns: str) -> None:
        """Fail because a namespace is not there; in check mode, warn if it can be made, and go on as if it existed.

        :raises FabricError: with what is there instead.
        """
        status = self.at(netns).status
        if status in MISSING:
            self.missing(unusable(netns, status))
        elif status != "present":
            raise FabricError(unusable(netns, status))

    def require(self, netns: str, name: str, where: str) -> Link:
        """The link of that name. A missing one is an error; in check mode it is assumed to exist.

        :param where: the place in the user's document that names the link.
        :raises FabricError: it is missing.
        """
        links = self.at(netns).links
        if name not in links:
            self.missing(f"{where}: link {name} does not exist{place_of(netns)}: create it first")
            links[name] = Link(name)
        return links[name]

    def set(self, netns: str, name: str, attributes: Mapping[str, Any], shown: bool | None = None) -> None:
        """Set attributes of a link.

        :param shown: whether the diff shows it; None: unless it only restores the observed values.
        """
        link, known = self.at(netns).links[name], self._known(netns, name)
        if shown is None:
            shown = known is None or any(known.get(key) != value for key, value in attributes.items())
        then = None
        if known is not None:
            hidden = {key for key in attributes if self._hide(netns, name, key)}
            then = {key: (known if key in hidden else link.attributes).get(key) for key in attributes}
        before = None if then is None else Link(name, link.kind, then)
        self.do("set", netns, before, Link(name, link.kind, dict(attributes)), shown=shown)
        self._change(netns, link, attributes)

    def follow(self, netns: str, name: str, attributes: Mapping[str, Any], shown: bool = True) -> None:
        """Note what the kernel changes of a link by itself with the last operation.

        :param attributes: None: nobody knows to what.
        :param shown: whether the diff shows it; what a user asks for instead it shows in any case.
        """
        link, known = self.at(netns).links[name], self._known(netns, name) or {}
        changes = {key: value for key, value in attributes.items() if link.attributes.get(key) != value}
        for key, value in changes.items():
            self._hide(netns, name, key)
            if value not in (None, known.get(key)):
                self._followed[netns, name, key] = len(self.plan.operations)
                before, after = (Link(name, link.kind, {key: item}) for item in (known.get(key), value))
                self.do("follow", netns, before, after, shown=shown)
        if changes:
            self._change(netns, link, changes)

    def _known(self, netns: str, name: str) -> Mapping[str, Any] | None:
        """The observed attributes of a link; None: this plan makes it."""
        original = self.observed[netns].links.get(name)
        same = original is not None and original.index == self.at(netns).links[name].index
        return original.attributes if original is not None and same else None

    def _hide(self, netns: str, name: str, key: str) -> bool:
        """Hide what the kernel changes by itself, because it is changed once more; whether it has changed that."""
        place = self._followed.pop((netns, name, key), None)
        if place is not None:
            self.plan.operations[place] = self.plan.operations[place]._replace(shown=False)
        return place is not None

    def _change(self, netns: str, link: Link, attributes: Mapping[str, Any]) -> None:
        """Change a link in the planned state, and others with it."""
        if netns in self.losses:
            self._note_losses(netns, link, attributes)
        changed = copy.copy(link)
        # The options of a port belong to one controller.
        kept = {
            key: value
            for key, value in link.attributes.items()
            if not ("controller" in attributes and key in PORT_OPTIONS)
        }
        changed.attributes = {**kept, **attributes}
        self.at(netns).links[link.name] = changed
        if attributes.get("mtu"):
            self._pass_on_mtu(netns, changed)
        if "mac_address" in attributes:
            self._pass_on_mac(netns, changed)

    def _pass_on_mac(self, netns: str, link: Link) -> None:
        """A controller may give its MAC address to its ports."""
        ports = kind_of(link.kind).ports
        if ports and ports.own_mac and not ports.moves_macs(link.attributes):
            for port in self.ports_of(netns, link.name):
                self.follow(netns, port.name, {"mac_address": link.attributes["mac_address"]})

    def _pass_on_mtu(self, netns: str, link: Link) -> None:
        """A controller may give its MTU to its ports, and a link may lower that of those that sit on it."""
        mtu, ports = link.attributes["mtu"], kind_of(link.kind).ports
        if ports and ports.gives_mtu:
            for port in self.ports_of(netns, link.name):
                self.follow(netns, port.name, {"mtu": mtu})
        for place, other in self.on(netns, link.name):
            rule, theirs = kind_of(other.kind).mtu_below, other.attributes.get("mtu")
            if theirs is not None and (rule == EQUAL or (rule == LOWERED and theirs > mtu)):
                self.follow(place, other.name, {"mtu": mtu})

    def _note_losses(self, netns: str, link: Link, attributes: Mapping[str, Any]) -> None:
        """Note what a change of a link takes along."""
        losses = self.losses[netns]
        # A VLAN is set down and up with the link that it sits on.
        names = [link.name, *(other.name for _place, other in self.on(netns, link.name) if kind_of(other.kind).follows)]
        if "controller" in attributes:
            self._note_release(netns, link, attributes["controller"])
        for name in names:
            if attributes.get("admin_state") == "down":
                losses.lowered(name)
                self._unplug(netns, name)
            elif attributes.get("admin_state") == "up":
                losses.raised(name)
        if "mac_address" in attributes:
            losses.readdressed(link.name)
        if (attributes.get("mtu") or IPV6_MTU) < IPV6_MTU:
            losses.narrowed(link.name)

    def _note_release(self, netns: str, link: Link, controller: str) -> None:
        """Note what a link loses that leaves its controller, or gets another one."""
        losses, links = self.losses[netns], self.at(netns).links
        held = (links.get(name or "") for name in (link.attributes.get("controller"), controller))
        left, joined = (kind_of(one.kind).ports if one else None for one in held)
        losses.released(link.name)
        if left and left.left_down:
            losses.lowered(link.name)
        elif (left and left.cycles) or (joined and joined.cycles):
            losses.lowered(link.name)
            losses.raised(link.name)

    def _unplug(self, netns: str, name: str) -> None:
        """The other end of a pair has no carrier any more."""
        place, peer = self.at(netns).links[name].peer or ("", "") if name in self.at(netns).links else ("", "")
        if peer and place in self.losses:
            self.losses[place].unplugged(peer)

    def forget(self, netns: str, name: str, remade: bool = False) -> None:
        """Take a link out of the planned state, with everything that the kernel removes along with it.

        :param remade: it is made again.
        """
        now = self.at(netns)
        link = now.links.pop(name, None)
        if link is None:
            return
        now.forget_entries(name)
        if netns in self.losses:
            self.losses[netns].removed(name, remade, [port.name for port in self.ports_of(netns, name)])
        ports = kind_of(link.kind).ports
        for other in self.ports_of(netns, name):
            released = copy.copy(other)
            released.attributes = {**other.attributes, "controller": ""}
            if ports and ports.left_down:
                released.attributes["admin_state"] = "down"
            if ports and ports.gives_mtu:
                released.attributes["mtu"] = None  # which it had before
            now.links[other.name] = released
        for place, other in self.on(netns, name):
            if not kind_of(other.kind).survives:
                self.forget(place, other.name, remade)
        if link.peer and link.peer[0] in self.state:
            self.forget(*link.peer, remade)

    def on(self, netns: str, name: str) -> list[tuple[str, Link]]:
        """The links that sit on a link, in any observed namespace, each with its namespace."""
        return [
            (place, other)
            for place, state in self.state.items()
            for other in state.links.values()
            if kind_of(other.kind).parent
            and other.attributes.get(kind_of(other.kind).parent) == name
            and parent_place(place, other.attributes) == netns
        ]

    def ports_of(self, netns: str, name: str) -> list[Link]:
        """The ports of a link."""
        return [port for port in self.at(netns).links.values() if port.attributes.get("controller") == name]

    def asked(self, netns: str, link: Link) -> Link:
        """A link as the document has it, and with what it keeps if it is made again."""
        kept = self.remade.get((netns, link.name))
        if not kept:
            return link
        whole = copy.copy(link)
        whole.attributes = {**kept, **link.attributes}
        return whole

    def sits_on(self, netns: str, name: str, other: str) -> bool:
        """Whether a link is another one, or sits on it: on its parent, or as a controller on its ports."""
        links = self.at(netns).links
        if name == other or name not in links:
            return name == other
        link = links[name]
        kind = kind_of(link.kind)
        below = [link.attributes.get(kind.parent)] if kind.parent else []
        if kind.ports:
            below += [port.name for port in self.ports_of(netns, name)]
        return any(self.sits_on(netns, item, other) for item in below if item)

    def at(self, netns: str) -> Observed:
        """The planned state of a namespace."""
        return self.state[netns]

    def warn(self, message: str) -> None:
        """Add a warning."""
        self.plan.warnings.append(message)


def parent_place(netns: str, attributes: Mapping[str, Any]) -> str:
    """The namespace of the links that a link refers to: its own, unless it names its parent's."""
    place: str | None = attributes.get("parent_netns")
    return netns if place is None else place
