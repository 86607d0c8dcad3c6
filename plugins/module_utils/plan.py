# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wanted and what is there to an ordered list of operations. Pure: nothing here talks to the kernel.

Every rule of order is in this file. What is made: namespaces, links (what others sit on first), their attributes, ports
before up, up, addresses, FDB entries and neighbours, routes. What goes, goes the other way round, and after what
replaces it, so that traffic never lacks both.
"""

from __future__ import annotations

import copy
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, filterfalse, repeat
from operator import ne
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import facts, values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import (
    CONTROLLERS,
    KINDS,
    PARENTS,
    PORT_OPTIONS,
    SURVIVORS,
    TAKERS,
    WHOLE,
    is_ethernet,
    one,
    overhead,
)
from ansible_collections.weft.fabric.plugins.module_utils.model import (
    AUTO,
    ROUTE_PROTOCOL,
    Address,
    AddressState,
    Desired,
    Document,
    FdbEntry,
    Link,
    Namespace,
    Neighbour,
    Observed,
    Route,
    check_mode_options,
    make_all,
)


class Operation(NamedTuple):
    """One thing to ask of the kernel.

    :ivar verb: ``create``, ``set``, ``move`` or ``delete``.
    :ivar before: the object as it is, or None. Of a link that is set: the attributes that change.
    :ivar after: the object as it will be, or None.
    :ivar peer: the other end of a veth that is created.
    :ivar to: the namespace that a link is moved to.
    :ivar protocol: the number that a route is installed with.
    :ivar shown: whether the reader of a diff needs to know: a port that leaves its bond for the time of a change does
        not belong there.
    """

    verb: str
    netns: str
    before: Any = None
    after: Any = None
    peer: Link | None = None
    to: str = ""
    shown: bool = True
    protocol: int = ROUTE_PROTOCOL


_DEFAULTS = tuple(Operation._field_defaults[name] for name in Operation._fields[4:])


@dataclass
class Plan:
    """What will be done.

    :ivar view: the state afterwards, as far as it can be known before.
    """

    operations: list[Operation] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    view: dict[str, Observed] = field(default_factory=dict)

    @property
    def disturbs(self) -> bool:
        """Whether the kernel may change more than was asked for.

        A link or an address takes others along, and a route without one gets an interface.
        """
        return any(
            isinstance(item.after or item.before, (Namespace, Link, Address))
            or (isinstance(item.after, Route) and item.after.dev is None)
            for item in self.operations
        )

    def diff(self) -> dict[str, str]:
        """Ansible's diff: each fact that changes is a line, before and after."""
        before: list[str] = []
        after: list[str] = []
        for operation in self.operations:
            if operation.shown:
                then, now = _facts(operation)
                before += then
                after += now
        return {"before": "".join(f"{line}\n" for line in before), "after": "".join(f"{line}\n" for line in after)}


def _facts(operation: Operation) -> tuple[list[str], list[str]]:
    verb, netns, before, after, peer, to, _shown, _protocol = operation
    if verb == "move":
        return [facts.new_link(netns, before)], [facts.new_link(to, after)]
    if verb == "create" and isinstance(after, Link):
        created = [facts.new_link(netns, after)]
        if peer and after.peer:
            created += facts.lines(after.peer[0], peer)
        return [], created
    if verb == "delete" and isinstance(before, Link):
        return [facts.new_link(netns, before)], []
    then, now = facts.lines(netns, before), facts.lines(netns, after)
    return [line for line in then if line not in now], [line for line in now if line not in then]


def plan(document: Document, observed: Mapping[str, Observed], check: bool = False) -> Plan:
    """Plan the way from what is there to what is wanted.

    :param check: nothing will be done. What does not exist is then a warning, because a task before this one may be
        about to make it.
    :raises FabricError: there is no way, or it would need what was not allowed.
    """
    planner = _Planner(document, observed, check)
    if document.absent:
        planner.remove()
    else:
        planner.build()
    return planner.plan


def _fresh() -> Observed:
    """A namespace that was just made."""
    loopback = {"admin_state": "down", "mtu": 65536, "mac_address": values.ZERO_MAC, "controller": ""}
    return Observed(links={"lo": Link("lo", "", loopback)})


class _Planner:
    def __init__(self, document: Document, observed: Mapping[str, Observed], check: bool) -> None:
        self.document = document
        self.observed = observed
        self.check = check
        self.view = {
            netns: Observed(
                state.status,
                dict(state.links),
                dict(state.addresses),
                dict(state.routes),
                {dev: dict(entries) for dev, entries in state.neighbours.items()},
                dict(state.fdb),
                state.aliases,
            )
            for netns, state in observed.items()
        }
        self.plan = Plan(view=self.view)

    # -- what every phase uses ---------------------------------------------------------------------

    def _do(self, verb: str, netns: str, before: Any = None, after: Any = None, **more: Any) -> None:
        self.plan.operations.append(Operation(verb, netns, before, after, **more))

    def _do_all(self, verb: str, netns: str, before: Iterable[Any], after: Iterable[Any]) -> None:
        """The same with each of many."""
        fields = (repeat(verb), repeat(netns), before, after, *map(repeat, _DEFAULTS))
        self.plan.operations += make_all(Operation, zip(*fields))

    def _missing(self, message: str) -> None:
        if not self.check:
            raise FabricError(message)
        self.plan.warnings.append(f"{message} (check mode: taken as if it did)")

    def _place(self, netns: str) -> str:
        return f" in namespace {netns}" if netns else ""

    def _require(self, netns: str, name: str, where: str) -> Link:
        """The link of that name; one that is missing is an error, or in check mode an assumption."""
        links = self.view[netns].links
        if name not in links:
            self._missing(f"{where}: link {name} does not exist{self._place(netns)}: create it first")
            links[name] = Link(name)
        return links[name]

    def _set(self, netns: str, name: str, attributes: Mapping[str, Any], shown: bool | None = None) -> None:
        """Set attributes of a link, and say so in the diff unless it only puts back what was there."""
        link = self.view[netns].links[name]
        original = self.observed[netns].links.get(name)
        known = original.attributes if original is not None and original.index == link.index else None
        if shown is None:
            shown = known is None or any(known.get(key) != value for key, value in attributes.items())
        then = None
        if known is not None:
            then = Link(name, link.kind, {key: link.attributes.get(key) for key in attributes})
        self._do("set", netns, then, Link(name, link.kind, dict(attributes)), shown=shown)
        changed = copy.copy(link)
        # What it is as a port it is for one bridge.
        kept = {
            key: value
            for key, value in link.attributes.items()
            if not ("controller" in attributes and key in PORT_OPTIONS)
        }
        changed.attributes = {**kept, **attributes}
        self.view[netns].links[name] = changed

    def _forget(self, netns: str, name: str) -> None:
        """A link goes, and with it what the kernel lets go with it."""
        view = self.view[netns]
        link = view.links.pop(name, None)
        if link is None:
            return
        view.addresses = {item: state for item, state in view.addresses.items() if item.dev != name}
        view.routes = {key: item for key, item in view.routes.items() if item[0].dev != name}
        view.neighbours.pop(name, None)
        view.fdb = {item: None for item in view.fdb if item[0] != name}
        for other in list(view.links.values()):
            if other.attributes.get("controller") == name:
                released = copy.copy(other)
                released.attributes = {**other.attributes, "controller": ""}
                if link.kind == "bond":
                    released.attributes["admin_state"] = "down"  # bond_main.c: __bond_release_one
                view.links[other.name] = released
        for place, other in self._on(netns, name):
            if other.kind not in SURVIVORS:
                self._forget(place, other.name)
        if link.peer and link.peer[0] in self.view:
            self._forget(*link.peer)

    def _on(self, netns: str, name: str) -> list[tuple[str, Link]]:
        """The links that sit on a link, in whatever namespace, as far as they are known."""
        return [
            (place, other)
            for place, state in self.view.items()
            for other in state.links.values()
            if other.kind in PARENTS
            and other.attributes.get(PARENTS[other.kind]) == name
            and _place(place, other.attributes) == netns
        ]

    def _ordered(self) -> list[tuple[str, Link]]:
        """All wanted links, each after those it refers to."""
        ordered: list[tuple[str, Link]] = []
        done: dict[tuple[str, str], bool] = {}
        for netns, desired in self.document.namespaces.items():
            for link in desired.links.values():
                ordered += _from_below(netns, link, self.document, done)
        return ordered

    # -- present -----------------------------------------------------------------------------------

    def build(self) -> None:
        """Plan what makes the host as the document says."""
        for netns, desired in self.document.namespaces.items():
            for link in desired.former:
                if link.origin:
                    self._give_back(netns, link, link.origin)
                else:
                    self._drop(netns, link)
        self._remove_namespaces([netns for netns, desired in self.document.namespaces.items() if desired.ends])

        def turn(item: tuple[str, Desired]) -> tuple[bool, bool]:
            """First names that were another one's, last those that are to be."""
            return item[1].joins is not None, not item[1].parted

        for netns, desired in sorted(self.document.namespaces.items(), key=turn):
            if desired.ends:
                continue
            if desired.joins is None:
                self._namespace(netns, desired)
            else:
                self._alias(netns, desired.joins)
        for netns, desired in self.document.namespaces.items():
            for link in reversed(desired.gone.values()):
                self._delete_link(netns, link)
        ordered = self._ordered()
        for netns, link in ordered:
            self._settle(netns, link)
        for netns, link in ordered:
            sized = self._sized(netns, link)
            self._check_persist(netns, link)
            if link.name not in self.view[netns].links:
                self._create(netns, sized)
            self._change(netns, sized)
        for netns, desired in self.document.namespaces.items():
            self._release(netns, desired)
        for netns, link in ordered:
            self._raise(netns, link)
        for netns, desired in self.document.namespaces.items():
            self._add_addresses(netns, desired)
            stale_fdb = self._set_fdb(netns, desired)
            stale_neighbours = self._set_neighbours(netns, desired)
            self._set_routes(netns, desired)
            self._delete(netns, [*self._stale_routes(netns, desired), *stale_neighbours, *stale_fdb])
            self._purge_addresses(netns, desired)
            for link in desired.stale:
                self._drop(netns, link)

    def _alias(self, netns: str, joins: str) -> None:
        """Let a name be another one of a namespace."""
        if joins in self.view[netns].aliases:
            return
        if self.view[joins].status != "present":
            self._missing(f"namespace {joins} does not exist: create it with weft.fabric.netns")
        if self.view[netns].status != "absent":
            self._remove_namespaces([netns])
        self._do("create", "", None, Namespace(netns, joins))
        self.view[netns] = Observed(aliases=frozenset({joins}))

    def _namespace(self, netns: str, desired: Desired) -> None:
        status = self.view[netns].status
        for other in sorted(self.view[netns].aliases) if desired.create else ():
            if other == "" or (other in self.document.namespaces and self.document.namespaces[other].joins is None):
                if desired.parted:
                    self._remove_namespaces([netns])
                    status = "absent"
                    break
                told = f"namespace {netns} is the same as {other or 'the one of this process'}"
                raise FabricError(f"{told}: take this name away first (state: absent), then it gets one of its own")
        if status != "present":
            if desired.create:
                if status == "broken":
                    self._do("delete", "", Namespace(netns), shown=False)
                self._do("create", "", None, Namespace(netns))
            else:
                self._missing(f"namespace {netns} does not exist: create it with weft.fabric.netns")
            self.view[netns] = _fresh()
        asked = "lo" in desired.links and "admin_state" in desired.links["lo"].attributes
        if desired.create and not asked and self.view[netns].links["lo"].attributes["admin_state"] != "up":
            self._set(netns, "lo", {"admin_state": "up"})

    def _settle(self, netns: str, link: Link) -> None:
        """Clear the way for a link: what the kernel cannot change has to go, or is refused."""
        current = self.view[netns].links.get(link.name)
        if current is None:
            return
        label = f"link {link.name}{self._place(netns)}"
        if link.origin and current.attributes.get("alias") != link.origin[1]:
            reason = f"it is another interface than {link.origin[1]}"
            if not current.kind:
                raise FabricError(f"{label}: {reason}: choose another name")
        elif link.kind and current.kind != link.kind:
            reason = f"it is {one(current.kind or 'NIC or another kind of link')}, not {one(link.kind)}"
            if not current.kind:
                raise FabricError(f"{label}: {reason}: choose another name")
        elif link.peer and current.peer != link.peer:
            if self._move_peer(netns, link, current):
                return
            reason = f"its other end is not {link.peer[1]}{self._place(link.peer[0]) or ' here'}"
        else:
            different = [
                name
                for name, option in KINDS.get(link.kind, {}).items()
                if name in link.attributes
                and option.keeps(current.attributes.get(name, link.attributes[name]), link.attributes[name])
            ]
            if not different:
                return
            reason = "; ".join(
                f"{name} is {_told(current.attributes[name])}, not {_told(link.attributes[name])}" for name in different
            )
        if not link.recreate:
            raise FabricError(
                f"{label}: {reason}; the kernel cannot change that: delete it first, or where the link takes it, "
                "'recreate: true' deletes it and makes it again"
            )
        self._do("delete", netns, current)
        self._forget(netns, link.name)

    def _move_peer(self, netns: str, link: Link, current: Link) -> bool:
        """Move or rename a veth's other end to where it is wanted, if it is known and nobody else wants it."""
        if not link.peer or not current.peer:
            return False
        there, name = current.peer
        place, wanted = link.peer
        taken = wanted in self.view[place].links
        claimed = there in self.document.namespaces and name in self.document.namespaces[there].links
        if taken or claimed:
            return False
        if there == place and self.view[there].links[name].attributes.get("admin_state") == "up":
            self._set(there, name, {"admin_state": "down"}, shown=False)  # before Linux 6.2, only such a one is renamed
        end = self.view[there].links[name]
        moved = Link(wanted, "veth", {**end.attributes, "admin_state": "down", "controller": ""}, (netns, link.name))
        away = copy.copy(current)
        away.peer = None  # so that only the end that moves is forgotten
        self.view[netns].links[link.name] = away
        end = copy.copy(end)
        end.peer = None
        self.view[there].links[name] = end
        self._forget(there, name)
        self._do(
            "move",
            there,
            Link(name, "veth", {}, (netns, link.name)),
            Link(wanted, "veth", {}, (netns, link.name)),
            to=place,
        )
        self.view[place].links[wanted] = moved
        joined = copy.copy(current)
        joined.peer = link.peer
        self.view[netns].links[link.name] = joined
        return True

    def _fetch(self, netns: str, link: Link, origin: tuple[str, str]) -> None:
        """Take an interface from the namespace that it is in."""
        place, name = origin
        known = self._require(place, name, f"{link.where}origin.name")
        controller = known.attributes.get("controller")
        if controller:
            raise InvalidParameter(f"{link.where}origin.name", name, f"it is a port of {controller}: take it out first")
        self._move(origin, (netns, link.name), {"alias": name})

    def _give_back(self, netns: str, link: Link, origin: tuple[str, str]) -> None:
        """Let an interface go back to where it came from."""
        current = self.view[netns].links.get(link.name)
        if current is None or current.attributes.get("alias") != origin[1]:
            return
        if origin[1] in self.view[origin[0]].links:
            told = f"link {link.name}{self._place(netns)} cannot go back: there is another {origin[1]}"
            raise FabricError(f"{told}{self._place(origin[0])}: rename that first")
        self._move((netns, link.name), origin, {"alias": ""})

    def _move(self, here: tuple[str, str], there: tuple[str, str], attributes: Mapping[str, Any]) -> None:
        """Move an interface, whatever kind it is; in its new place it is down."""
        link = copy.copy(self.view[here[0]].links[here[1]])
        link.peer = None  # so that only this end is forgotten
        self.view[here[0]].links[here[1]] = link
        self._forget(*here)
        self._do("move", here[0], Link(here[1], link.kind), Link(there[1], link.kind, dict(attributes)), to=there[0])
        known = {**link.attributes, "admin_state": "down", "controller": "", **attributes}
        self.view[there[0]].links[there[1]] = Link(there[1], link.kind, known, index=-1)

    def _check_persist(self, netns: str, link: Link) -> None:
        """A TUN or TAP device that is not persistent goes with the last program that holds it."""
        current = self.view[netns].links.get(link.name)
        if link.attributes.get("persist") is False and (current is None or current.attributes.get("persist")):
            remedy = "no program holds it, so the kernel would delete it: leave it true, or say 'state: absent'"
            raise InvalidParameter(f"{link.where}persist", False, remedy)

    def _create(self, netns: str, link: Link) -> None:
        if link.origin:
            self._fetch(netns, link, link.origin)
            return
        if not link.kind:
            self._require(netns, link.name, f"{link.where}name")
            return
        if link.kind == "veth" and not link.peer:
            raise InvalidParameter(
                f"{link.where}peer", None, f"veth {link.name} does not exist yet: name its other end"
            )
        for name, option in KINDS[link.kind].items():
            if option.link and name in link.attributes:
                self._require(_place(netns, link.attributes), link.attributes[name], f"{link.where}{name}")
        self._check_unique(netns, link)
        self._check_tunnel(netns, link, link.attributes)
        self._check_taker(netns, link)
        self._check_mtu(netns, link, link.attributes)
        made = self._created(link)
        peer = None
        if link.peer:
            place, name = link.peer
            peer = self._created(self.document.namespaces[place].links[name])
            self.view[place].links[name] = self._blank(peer)
        self._do("create", netns, None, made, peer=peer)
        self.view[netns].links[link.name] = self._blank(made)

    def _created(self, link: Link) -> Link:
        """The link as it is asked for when it is made; what needs other links comes later."""
        later = ("admin_state", "controller", *PORT_OPTIONS)
        attributes = {name: value for name, value in link.attributes.items() if name not in later}
        return Link(link.name, link.kind, attributes, link.peer, where=link.where)

    def _blank(self, link: Link) -> Link:
        attributes = {"admin_state": "down", "controller": "", **link.attributes}
        return Link(link.name, link.kind, attributes, link.peer, index=-1)

    def _check_unique(self, netns: str, link: Link) -> None:
        """Two VXLANs of one VNI on one port are refused by the kernel (vxlan_core.c: vxlan_config_validate)."""
        if link.kind != "vxlan":
            return
        wanted = link.attributes
        for other in self.view[netns].links.values():
            same = all(other.attributes.get(name) == wanted[name] for name in ("vni", "port"))
            if other.kind == "vxlan" and same and overhead("vxlan", other.attributes) == overhead("vxlan", wanted):
                remedy = (
                    f"{other.name}{self._place(netns)} has this VNI on port {wanted['port']} already: choose another"
                )
                raise InvalidParameter(f"{link.where}vni", wanted["vni"], remedy)

    def _check_tunnel(self, netns: str, link: Link, attributes: Mapping[str, Any]) -> None:
        """What the kernel tells tunnels apart by (ip_tunnel.c: ip_tunnel_find), and what it would not tell us of."""
        if link.kind != "ipip":
            return
        ends = [attributes.get(name) for name in ("local", "remote", "dev")]
        if not any(ends):
            raise InvalidParameter(f"{link.where}remote", None, f"{link.name} needs 'remote', 'local' or 'dev'")
        if attributes.get("ttl") and attributes.get("pmtudisc") is False:
            remedy = f"with ttl {attributes['ttl']} the kernel discovers the path's MTU: leave it true, or give ttl 0"
            raise InvalidParameter(f"{link.where}pmtudisc", False, remedy)
        for other in self.view[netns].links.values():
            known = [other.attributes.get(name) for name in ("local", "remote", "dev")]
            if other.kind == "ipip" and other.name != link.name and known == ends:
                remedy = f"{other.name}{self._place(netns)} has the same ends already: choose another"
                raise InvalidParameter(f"{link.where}remote", attributes.get("remote"), remedy)

    def _check_taker(self, netns: str, link: Link) -> None:
        """What a link receives goes to one taker: macvlans, ipvlans, or the bridge or bond that it is a port of."""
        if link.kind not in TAKERS:
            return
        name, place = link.attributes["parent"], _place(netns, link.attributes)
        parent, where = self.view[place].links[name], f"{link.where}parent"
        if parent.kind == link.kind:
            # the kernel would take the parent's parent (macvlan_common_newlink, ipvlan_link_new)
            remedy = f"it is {one(link.kind)} itself: give what it sits on, {parent.attributes.get('parent')}"
            raise InvalidParameter(where, name, remedy)
        if name == "lo" or not is_ethernet(parent.kind, parent.attributes.get("mode")):
            raise InvalidParameter(where, name, f"{one(link.kind)} sits on an Ethernet link")
        controller = parent.attributes.get("controller")
        if controller:
            remedy = f"it is a port of {controller}: take it out there first, or give {controller}"
            raise InvalidParameter(where, name, remedy)
        for at, other in self._on(place, name):
            if other.kind in TAKERS and (at, other.name) != (netns, link.name):
                self._check_rival(link, at, other)

    def _check_rival(self, link: Link, at: str, other: Link) -> None:
        where, parent, label = f"{link.where}parent", link.attributes["parent"], f"{other.name}{self._place(at)}"
        if other.kind != link.kind:
            remedy = f"{label} is {one(other.kind)} on it: a link carries macvlans or ipvlans, not both"
            raise InvalidParameter(where, parent, remedy)
        if link.kind == "macvlan" and "passthru" in (link.attributes["mode"], other.attributes["mode"]):
            remedy = f"{label} is on it too, and a macvlan in mode passthru is the only one on its parent"
            raise InvalidParameter(where, parent, remedy)
        if link.kind == "ipvlan":
            desired = self.document.namespaces.get(at, Desired())
            asked = desired.links.get(other.name, other).attributes
            for name in ("mode", "flag"):
                known = asked.get(name, other.attributes[name])
                if known != link.attributes[name]:
                    remedy = f"{label} has {known}, and all ipvlans on {parent} have one {name}: change them together"
                    raise InvalidParameter(f"{link.where}{name}", link.attributes[name], remedy)

    def _below(self, netns: str, link: Link, attributes: Mapping[str, Any]) -> Link | None:
        """The link that another one sits on, if it has one and that is known."""
        parent = PARENTS.get(link.kind)
        place = _place(netns, attributes)
        return self.view[place].links.get(attributes.get(parent) or "") if parent and place in self.view else None

    def _sized(self, netns: str, link: Link) -> Link:
        """The link with a derived MTU as a number: what the link below it leaves."""
        if link.attributes.get("mtu") != AUTO:
            return link
        current = self.view[netns].links.get(link.name)
        attributes = {**(current.attributes if current else {}), **link.attributes}
        if not attributes.get(PARENTS[link.kind]):
            raise InvalidParameter(f"{link.where}mtu", AUTO, f"give {PARENTS[link.kind]}, or a number of bytes")
        below = self._below(netns, link, attributes)
        sized = copy.copy(link)
        sized.attributes = {name: value for name, value in link.attributes.items() if name != "mtu"}
        if below is not None and below.attributes.get("mtu") is not None:
            sized.attributes["mtu"] = below.attributes["mtu"] - overhead(link.kind, attributes)
        return sized

    def _check_mtu(self, netns: str, link: Link, attributes: Mapping[str, Any]) -> None:
        """A link on another one has no larger MTU than that leaves it."""
        mtu, below = link.attributes.get("mtu"), self._below(netns, link, attributes)
        limit = below.attributes.get("mtu") if below else None
        if below is None or mtu is None or limit is None:
            return
        takes = overhead(link.kind, attributes)
        if mtu > limit - takes:
            why = f"{below.name} has {limit}" + (f", and {link.kind} takes {takes} of it" if takes else "")
            raise InvalidParameter(f"{link.where}mtu", mtu, f"{why}: at most {limit - takes}")

    def _change(self, netns: str, link: Link) -> None:
        """Change in place what differs."""
        current = self.view[netns].links[link.name]
        options = KINDS.get(link.kind, {})
        wanted = {
            name: value
            for name, value in link.attributes.items()
            if name not in ("admin_state", "controller", *PORT_OPTIONS) and current.attributes.get(name) != value
        }
        for name in wanted:
            if name in options and options[name].link:
                self._require(netns, wanted[name], f"{link.where}{name}")
            if name == PARENTS.get(link.kind) and self._sits_on(netns, wanted[name], link.name):
                raise InvalidParameter(f"{link.where}{name}", wanted[name], f"it sits on {link.name} itself")
        merged = {**current.attributes, **link.attributes}
        self._check_mtu(netns, link, merged)
        self._check_tunnel(netns, link, merged)
        if "mode" in wanted or "flag" in wanted:
            self._check_taker(netns, link)
        check_mode_options(link, link.attributes.get("mode", current.attributes.get("mode")))
        if not wanted:
            return
        needs = [options[name] for name in wanted if name in options]
        if any(option.down for option in needs) and current.attributes["admin_state"] == "up":
            self._set(netns, link.name, {"admin_state": "down"}, shown=False)
        ports = [port for port in self.view[netns].links.values() if port.attributes.get("controller") == link.name]
        if any(option.empty for option in needs) and ports:
            for port in ports:
                self._set(netns, port.name, {"controller": ""}, shown=False)
            self._set_attributes(netns, link, wanted)
            # With its last port it lost its MAC address (bond_main.c: __bond_release_one).
            kept = {**current.attributes, **wanted}["mac_address"]
            self._set(netns, link.name, {"mac_address": kept}, shown=False)
            for port in ports:
                self._enslave(netns, port.name, link.name)
        else:
            self._set_attributes(netns, link, wanted)

    def _set_attributes(self, netns: str, link: Link, wanted: Mapping[str, Any]) -> None:
        """The kind's options, then what every link has: a VXLAN refuses both in one request (vxlan_nl2conf)."""
        options = KINDS.get(link.kind, {})
        own = {name: value for name, value in wanted.items() if name in options}
        if own and link.kind in WHOLE:
            known = self.view[netns].links[link.name].attributes
            own = {name: own.get(name, known.get(name)) for name in options}
        for part in (own, {name: value for name, value in wanted.items() if name not in options}):
            if part:
                self._set(netns, link.name, part)

    def _release(self, netns: str, desired: Desired) -> None:
        """Take out the ports that an authoritative list does not name."""
        for controller in desired.purge_ports:
            for port in list(self.view[netns].links.values()):
                if port.attributes.get("controller") == controller:
                    wanted = desired.links.get(port.name)
                    if wanted is None or wanted.attributes.get("controller") != controller:
                        self._free(netns, port.name)

    def _free(self, netns: str, port: str) -> None:
        """Take a port out; a bond leaves it down (bond_main.c: __bond_release_one), which nobody asked for."""
        links = self.view[netns].links
        up = links[port].attributes.get("admin_state") == "up"
        held = links.get(links[port].attributes["controller"])
        self._set(netns, port, {"controller": ""})
        if up and held and held.kind == "bond":
            self._set(netns, port, {"admin_state": "up"}, shown=False)

    def _raise(self, netns: str, link: Link) -> None:
        """Give a link its controller, then bring it up (or down)."""
        attributes = self.view[netns].links[link.name].attributes
        controller = link.attributes.get("controller")
        if controller is not None and controller != attributes.get("controller"):
            if controller:
                self._enslave(netns, link.name, controller, link)
            else:
                self._free(netns, link.name)
        self._set_port(netns, link)
        attributes = self.view[netns].links[link.name].attributes
        state = link.attributes.get("admin_state")
        if state is None:
            state = self.observed[netns].links.get(link.name, link).attributes.get("admin_state")
        if state is not None and state != attributes.get("admin_state"):
            self._set(netns, link.name, {"admin_state": state})

    def _set_port(self, netns: str, link: Link) -> None:
        """What a link is as a port: only once it is one."""
        for name, option in PORT_OPTIONS.items():
            attributes = self.view[netns].links[link.name].attributes
            wanted = link.attributes.get(name)
            if wanted in (None, attributes.get(name, option.unsaid)):
                continue
            held = self.view[netns].links.get(attributes.get("controller") or "")
            if held is None or (held.kind != "bridge" and held.index):
                raise InvalidParameter(
                    f"{link.where}{name}", wanted, "only a bridge's port has it: give its controller"
                )
            self._set(netns, link.name, {name: wanted})

    def _sits_on(self, netns: str, name: str, other: str) -> bool:
        """Whether a link is another one, or sits on it: by its parent, or as a controller by its ports."""
        links = self.view[netns].links
        if name == other or name not in links:
            return name == other
        link = links[name]
        below = [link.attributes.get(PARENTS[link.kind])] if link.kind in PARENTS else []
        if link.kind in CONTROLLERS:
            below += [port.name for port in links.values() if port.attributes.get("controller") == name]
        return any(self._sits_on(netns, item, other) for item in below if item)

    def _enslave(self, netns: str, port: str, controller: str, link: Link | None = None) -> None:
        where = f"{link.where}controller" if link else "controller"
        target = self._require(netns, controller, where)
        if target.kind not in CONTROLLERS and target.index:
            remedy = f"it is {one(target.kind or 'NIC')}: only {' and '.join(CONTROLLERS)} take ports"
            raise InvalidParameter(where, controller, remedy)
        current = self.view[netns].links[port]
        held = current.attributes.get("controller")
        if link and held and port in self.document.namespaces[netns].claimed:
            remedy = f"{port} is a port of {held}: take it out there first (controller: '')"
            raise InvalidParameter(where, port, remedy)
        taker = next((other for _place, other in self._on(netns, port) if other.kind in TAKERS), None)
        if taker:
            remedy = f"{port} carries {taker.kind} {taker.name}, so it cannot be a port"
            raise InvalidParameter(where, controller, remedy)
        if current.kind == target.kind == "bridge":
            remedy = f"a bridge cannot be a port of bridge {controller}: join them with a veth pair"
            raise InvalidParameter(where, port, remedy)
        if self._sits_on(netns, port, controller):
            raise InvalidParameter(where, controller, f"{port} sits on it, so it cannot be a port of it")
        if target.kind == "bond" and current.attributes.get("admin_state") == "up":
            self._set(netns, port, {"admin_state": "down"}, shown=False)  # bond_main.c: bond_enslave
            self._set(netns, port, {"controller": controller})
            self._set(netns, port, {"admin_state": "up"}, shown=False)
        else:
            self._set(netns, port, {"controller": controller})

    def _drop(self, netns: str, link: Link) -> None:
        """Delete a link that nothing needs any more, unless it is another kind by now, or has ports."""
        view = self.view[netns]
        current = view.links.get(link.name)
        if current is None or current.kind != link.kind:
            return
        ports = [port.name for port in view.links.values() if port.attributes.get("controller") == link.name]
        if ports:
            self.plan.warnings.append(self._stays(netns, link.name, ports))
        else:
            self._delete_link(netns, link)

    def _stays(self, netns: str, name: str, ports: Iterable[str]) -> str:
        return f"link {name}{self._place(netns)} stays: it has ports that are not listed, {', '.join(ports)}"

    def _delete_link(self, netns: str, link: Link) -> None:
        """Delete a link that is listed to be gone, and no other one of its name."""
        current = self.view[netns].links.get(link.name)
        if current is None:
            return
        if current.kind != link.kind:
            found = one(current.kind or "NIC or another kind of link")
            raise FabricError(
                f"link {link.name}{self._place(netns)} is {found}, not {one(link.kind)}: it is not deleted"
            )
        self._do("delete", netns, current)
        self._forget(netns, link.name)

    # -- addresses, entries, routes ----------------------------------------------------------------

    def _delete(self, netns: str, items: Collection[Any]) -> None:
        self._do_all("delete", netns, items, repeat(None))
        view = self.view[netns]
        for item in items:
            if isinstance(item, FdbEntry):
                del view.fdb[item]
            elif isinstance(item, Neighbour):
                del view.neighbours[item.dev][item.dst]
            elif isinstance(item, Route):
                del view.routes[item.key]
            else:
                del view.addresses[item]

    def _add_addresses(self, netns: str, desired: Desired) -> None:
        view = self.view[netns]
        by_key = {address.key: address for address in view.addresses}
        for address, where in desired.addresses.items():
            self._require(netns, address.dev, where)
            known = view.addresses.get(address)
            if known is not None:
                if known.failed:
                    self.plan.warnings.append(
                        f"{facts.name(netns, address)} is not in use: another host answered for it "
                        "(duplicate address detection)"
                    )
                continue
            if address.key in by_key:
                self._delete(netns, [by_key[address.key]])
            self._do("create", netns, None, address)
            view.addresses[address] = AddressState()

    def _purge_addresses(self, netns: str, desired: Desired) -> None:
        view = self.view[netns]
        # Wherever it came from, an address that has moved from one link to another is not left on the first.
        moved = {address.address.partition("/")[0] for address in desired.addresses}
        stale = {
            address: state
            for address, state in view.addresses.items()
            if address.dev in desired.purge_addresses
            and address not in desired.addresses
            and (not state.foreign or address.address.partition("/")[0] in moved)
        }
        self._delete(netns, stale)
        # A subnet's other addresses are secondary to its first one and go with it, unless promote_secondaries is set.
        lost = {
            (address.dev, _subnet(address))
            for address, state in stale.items()
            if not state.secondary and ":" not in address.address
        }
        for kept, state in view.addresses.items():
            if (kept.dev, _subnet(kept)) in lost and not state.foreign:
                self._do("create", netns, None, kept, shown=False)

    def _set_fdb(self, netns: str, desired: Desired) -> list[FdbEntry]:
        """Set what is missing; the entries of authoritative lists that are stale are returned."""
        view = self.view[netns]
        if not desired.fdb and not desired.purge_fdb:
            return []
        links = {name: self._require(netns, name, "fdb: dev") for name in sorted(desired.fdb_devices)}
        for link in links.values():
            if link.kind != "vxlan" and link.index:
                remedy = f"it is {one(link.kind or 'NIC')}: only a VXLAN has entries with a destination"
                raise InvalidParameter("fdb: dev", link.name, remedy)
        # Of tens of thousands of entries, those that differ are found in C.
        if view.fdb == desired.fdb:
            return []
        unlike = make_all(FdbEntry, filterfalse(view.fdb.__contains__, desired.fdb))
        # Where a VXLAN floods by itself, because its remote or group says so.
        own = {
            (name, values.ZERO_MAC, link.attributes.get("remote") or link.attributes.get("group"))
            for name, link in links.items()
        }
        reported = [_of_device(entry, links[entry.dev]) for entry in unlike if entry[:3] not in own]
        missing = [entry for entry in reported if entry not in view.fdb]
        behind: dict[tuple[str, str], FdbEntry] = {}
        if missing:
            behind = {item[:2]: item for item in make_all(FdbEntry, view.fdb) if item.lladdr != values.ZERO_MAC}
        replaced = [behind.get(item[:2]) for item in missing]
        for entry in filter(None, replaced):
            del view.fdb[entry]
        self._do_all("set", netns, replaced, missing)
        view.fdb.update(dict.fromkeys(missing))
        if not desired.purge_fdb:
            return []
        unwanted = filterfalse({*reported}.__contains__, filterfalse(desired.fdb.__contains__, view.fdb))
        return [entry for entry in make_all(FdbEntry, unwanted) if entry.dev in desired.purge_fdb]

    def _set_neighbours(self, netns: str, desired: Desired) -> list[Neighbour]:
        """Set what is missing; the entries of authoritative lists that are stale are returned."""
        stale: list[Neighbour] = []
        for dev in sorted(desired.neighbour_devices):
            self._require(netns, dev, "neighbours: dev")
            wanted, known = desired.neighbours.get(dev, {}), self.view[netns].neighbours.setdefault(dev, {})
            # Of tens of thousands of entries, those that differ are found in C.
            if known == wanted:
                continue
            missing = dict(compress(wanted.items(), map(ne, map(known.get, wanted), wanted.values())))
            replaced = [Neighbour(dev, dst, known[dst]) if dst in known else None for dst in missing]
            self._do_all("set", netns, replaced, make_all(Neighbour, zip(repeat(dev), missing, missing.values())))
            known.update(missing)
            # All that is wanted is there now; where there are as many, nothing else is.
            if dev in desired.purge_neighbours and len(known) != len(wanted):
                gone = list(filterfalse(wanted.__contains__, known))
                stale += make_all(Neighbour, zip(repeat(dev), gone, map(known.get, gone)))
        return stale

    def _set_routes(self, netns: str, desired: Desired) -> None:
        """Set routes, those first that the gateways of others are reached by."""
        view = self.view[netns]

        def reach(route: Route) -> tuple[bool, int]:
            return bool(route.via and not route.onlink), -int(route.dst.rpartition("/")[2])

        for route in sorted(desired.routes.values(), key=reach):
            if route.dev:
                self._require(netns, route.dev, f"route {route.dst}: dev")
            known = view.routes.get(route.key)
            if known is not None and route.met_by(known[0]):
                continue
            wanted = route.over(known[0]) if known else route
            protocol = self.document.route_protocol
            self._do("set", netns, known[0] if known else None, wanted, protocol=protocol)
            view.routes[route.key] = (wanted, protocol)

    def _stale_routes(self, netns: str, desired: Desired) -> list[Route]:
        everywhere = None in desired.purge_routes
        return [
            route
            for key, (route, protocol) in self.view[netns].routes.items()
            if protocol == self.document.route_protocol
            and key not in desired.routes
            and (everywhere or route.dev in desired.purge_routes)
        ]

    # -- absent ------------------------------------------------------------------------------------

    def remove(self) -> None:
        """Plan what takes away all that the document lists."""
        present = [item for item in self.document.namespaces.items() if self.view[item[0]].status == "present"]
        for netns, desired in present:
            self._delete(netns, self._listed(netns, desired))
            if self.document.route_protocol != ROUTE_PROTOCOL:
                self._delete(netns, self._stale_routes(netns, desired))
        for netns, link in reversed(self._ordered()):
            if link.kind and self.view[netns].status == "present" and not self._is_in_use(netns, link):
                self._delete_link(netns, link)
            elif link.origin and self.view[netns].status == "present":
                self._give_back(netns, link, link.origin)
        self._remove_namespaces([netns for netns, desired in self.document.namespaces.items() if desired.create])

    def _is_in_use(self, netns: str, link: Link) -> bool:
        """Whether a shared bridge has ports that are not listed; it then stays, and listed ports of it do."""
        links, listed = self.view[netns].links, self.document.namespaces[netns].links
        name = link.name if link.shared else links.get(link.name, link).attributes.get("controller")
        if name not in listed or not listed[name].shared:
            return False
        others = [
            port.name
            for port in links.values()
            if port.attributes.get("controller") == name
            and port.name not in listed
            and not (port.peer and port.peer[1] in self.document.namespaces.get(port.peer[0], Desired()).links)
        ]
        if others and link.shared:
            self.plan.warnings.append(self._stays(netns, name, others))
        return bool(others)

    def _listed(self, netns: str, desired: Desired) -> list[Any]:
        """What of the listed is there, routes first."""
        view = self.view[netns]
        found: list[Any] = []
        for key, route in desired.routes.items():
            known = view.routes.get(key)
            if known and route._replace(onlink=None, mtu=None).named(known[0]):
                found.append(known[0])
        for dev, listed in desired.neighbours.items():
            there = view.neighbours.get(dev, {})
            found += [Neighbour(dev, dst, there[dst]) for dst in listed if dst in there]
        for entry in make_all(FdbEntry, desired.fdb):
            link = view.links.get(entry.dev)
            if link and _of_device(entry, link) in view.fdb:
                found.append(_of_device(entry, link))
        found += [address for address in desired.addresses if address in view.addresses]
        return found

    def _remove_namespaces(self, names: Sequence[str]) -> None:
        """Namespaces go; of what is in them, what is tied to another namespace goes first.

        The kernel takes a namespace apart some time after it is gone by name. A veth's other end would still be there
        when the next task makes one of the same name. What has another name stays, with all that is in it.
        """
        there = [netns for netns in names if self.view[netns].status != "absent"]
        for netns in there:
            aliases = self.view[netns].aliases
            for other in aliases & self.view.keys():
                self.view[other].aliases -= {netns}
            for link in list(self.view[netns].links.values()) if not aliases else ():
                tied = link.nsid is not None or (link.peer is not None and link.peer[0] != netns)
                if link.kind and tied and link.name in self.view[netns].links:
                    self._do("delete", netns, link)
                    self._forget(netns, link.name)
        for netns in there:
            self._do("delete", "", Namespace(netns))
            self.view[netns] = Observed("absent")


def _told(value: Any) -> str:
    return "none" if value is None else str(value) or "''"


def _place(netns: str, attributes: Mapping[str, Any]) -> str:
    """The namespace of what a link refers to: its own, if it does not name its parent's."""
    place: str | None = attributes.get("parent_netns")
    return netns if place is None else place


def _from_below(
    netns: str, link: Link, document: Document, done: dict[tuple[str, str], bool]
) -> Iterable[tuple[str, Link]]:
    """A link after the wanted ones that it refers to, without those that had their turn; each with its namespace.

    :param done: whether a link's turn is over, and not only begun; the caller keeps it.
    """
    key = (netns, link.name)
    if key in done:
        if not done[key]:
            raise InvalidParameter(f"{link.where}name", link.name, "it sits on itself, by way of others")
        return
    done[key] = False
    place = _place(netns, link.attributes)
    for name, option in KINDS.get(link.kind, {}).items():
        below = document.namespaces[place].links.get(link.attributes.get(name, "")) if option.link else None
        if below:
            yield from _from_below(place, below, document, done)
    done[key] = True
    yield netns, link


def _subnet(address: Address) -> tuple[int, int]:
    """(network, prefix length) of an IPv4 address; (-1, 0) of an IPv6 one, which is in nobody's subnet here."""
    head, _slash, tail = address.address.partition("/")
    if ":" in head:
        return -1, 0
    prefix = int(tail)
    return int.from_bytes(socket.inet_pton(socket.AF_INET, head), "big") >> (32 - prefix), prefix


def _of_device(entry: FdbEntry, link: Link) -> FdbEntry:
    """An entry as the kernel will report it: without a port and a VNI that are the device's own."""
    if entry.port is None and entry.vni is None:
        return entry
    known = link.attributes
    return entry._replace(
        port=None if entry.port == known.get("port") else entry.port,
        vni=None if entry.vni == known.get("vni") else entry.vni,
    )
