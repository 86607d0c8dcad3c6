# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model of the kernel without a kernel: how operations change the state, and what Linux refuses or removes with them.

It has the rules of kinds that the machine's own kernel may lack (bond, vlan), and it refuses operations as Linux does,
so that a plan in the wrong order fails. It is written from the kernel's sources, not from the planner's.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.wireguard_peers import Peers
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address, AddressState
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.route import (
    NOWHERE,
    Route,
    by_place,
    flattened,
    put_in,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.rule import Rule
from ansible_collections.weft.fabric.plugins.module_utils.plan.operation import Operation, Plan
from ansible_collections.weft.fabric.plugins.module_utils.plan.phases import plan

# The attributes of a new link that nobody asked for, by kind (the drivers' setup functions).
UNASKED: dict[str, dict[str, Any]] = {
    "bridge": {"stp": False, "forward_delay": 15, "ageing_time": 300, "vlan_filtering": False, "mcast_snooping": True},
    "bond": {"mode": "balance-rr", "miimon": 0, "updelay": 0, "downdelay": 0, "lacp_rate": "slow", "min_links": 0},
    "macvlan": {"mode": "vepa", "source_macs": [], "nopromisc": False, "parent_netns": None},
    "ipvlan": {"mode": "l3", "flag": "bridge", "parent_netns": None},
    "ipip": {"local": None, "remote": None, "dev": None, "mode": "ipip", "ttl": 0, "tos": 0, "pmtudisc": True},
    "vxlan": {"local": None, "dev": None, "remote": None, "group": None, "ttl": 0, "tos": 0, "df": "unset"},
    "wireguard": {"public_key": None, "listen_port": None, "fwmark": 0, "peers": Peers()},
}
NEEDS_DOWN = ("mode", "lacp_rate", "ad_select")  # bond_options.c: BOND_OPTFLAG_IFDOWN
WITHOUT_ARP = ("802.3ad", "balance-tlb", "balance-alb")  # include/net/bonding.h: bond_mode_uses_arp
IN_ORDER = ("mode", "miimon", "updelay", "downdelay")  # bond_netlink.c: bond_changelink
PARENT = {"vlan": "parent", "macvlan": "parent", "ipvlan": "parent", "vxlan": "dev"}
TAKERS = ("macvlan", "ipvlan")
REPEATED = ("local", "remote", "dev", "mode", "ttl", "tos", "pmtudisc")  # ipip.c: ipip_changelink


class Refused(Exception):
    """Linux would answer with an error."""


def demand(condition: Any, why: str) -> None:
    if not condition:
        raise Refused(why)


class PureKernel:
    """A host. ``state`` is everything that observe.py would read, by namespace."""

    def __init__(self) -> None:
        self._indexes = itertools.count(1)
        self.state: dict[str, Observed] = {}
        self.state[""] = self._new_namespace()

    def _new_namespace(self) -> Observed:
        loopback = {"admin_state": "down", "mtu": 65536, "mac_address": values.ZERO_MAC, "controller": ""}
        return Observed(links={"lo": Link("lo", "", loopback, index=next(self._indexes))})

    def observe(self, document: Document) -> dict[str, Observed]:
        """A copy of the state of a document's namespaces; the end of a veth outside of them is unknown."""
        found = {}
        for netns in document.namespaces:
            state = self.state.get(netns, Observed("absent"))
            links = {
                name: dataclasses.replace(link, attributes=dict(link.attributes)) for name, link in state.links.items()
            }
            for link in links.values():
                if link.peer and link.peer[0] not in document.namespaces:
                    link.peer = None
            found[netns] = dataclasses.replace(
                state,
                links=links,
                addresses=dict(state.addresses),
                routes=dict(state.routes),
                rules=list(state.rules),
                neighbours={dev: dict(entries) for dev, entries in state.neighbours.items()},
                fdb=dict(state.fdb),
            )
        return found

    def run(self, document: Document, rounds: int = 4) -> list[Plan]:
        """Plan and apply until there is nothing left to do, as converge.py does; the plans with operations."""
        plans: list[Plan] = []
        while True:
            todo = plan(document, self.observe(document), again=bool(plans))
            if not todo.operations:
                return plans
            assert len(plans) < rounds, f"never comes to rest: {todo.diff()}"
            plans.append(todo)
            for operation in todo.operations:
                self.apply(operation)

    # -- operations --------------------------------------------------------------------------------

    def apply(self, operation: Operation) -> None:
        """Carry out one operation.

        :raises Refused: Linux would refuse it.
        """
        item = operation.after or operation.before
        if operation.verb == "follow":
            return
        if isinstance(item, Namespace):
            self._namespace(operation.verb, item.name)
            return
        demand(operation.netns in self.state, f"no namespace {operation.netns}")
        if isinstance(item, Link):
            getattr(self, f"_{operation.verb}_link")(operation)
        else:
            state = self.state[operation.netns]
            if isinstance(item, (Route, Rule)):
                (self._route if isinstance(item, Route) else self._rule)(state, item, operation.verb)
                return
            gone = operation.verb == "delete"
            demand(item.dev is None or item.dev in state.links, f"no device for {item}")
            {
                Address: self._address,
                Neighbour: self._neighbour,
                FdbEntry: self._fdb,
            }[type(item)](state, item, gone)

    def _namespace(self, verb: str, name: str) -> None:
        if verb == "create":
            demand(name not in self.state, "EEXIST")
            self.state[name] = self._new_namespace()
        else:
            for link in list(self.state[name].links):
                self._drop(name, link)
            del self.state[name]

    def _create_link(self, operation: Operation) -> None:
        ends = [(operation.netns, operation.after)]
        if operation.peer is not None:
            ends.append((operation.after.peer[0], operation.peer))
        for place, end in ends:
            demand(place in self.state and end.name not in self.state[place].links, f"EEXIST {end.name}")
            parent = end.attributes.get(PARENT.get(end.kind, ""))
            below = self.state[self._place(place, end)].links
            demand(parent is None or parent in below, f"no parent {parent}")
            if end.kind in TAKERS:
                holder = below.get(below[parent].attributes["controller"])
                demand(holder is None or holder.kind == "vrf", "EBUSY: the parent is a port")
            attributes = {"mtu": 1500, "mac_address": f"02:ff:00:00:{next(self._indexes) >> 8:02x}:01"}
            if end.kind in ("ipvlan", "ipip", "wireguard"):
                attributes["mac_address"] = None
            own = end.attributes.keys() & UNASKED["wireguard"].keys()
            demand(end.kind != "wireguard" or not own, "EINVAL: rtnetlink has no such attributes")
            if end.kind == "bond":
                attributes["random"] = "mac_address" not in end.attributes
            attributes.update(UNASKED.get(end.kind, {}), **end.attributes, admin_state="down", controller="")
            self.state[place].links[end.name] = Link(end.name, end.kind, attributes, index=next(self._indexes))
            if attributes.get("mode") in WITHOUT_ARP and "miimon" not in end.attributes:
                attributes["miimon"] = 100
        if operation.peer is not None:
            (near, first), (far, second) = ends
            self.state[near].links[first.name].peer = (far, second.name)
            self.state[far].links[second.name].peer = (near, first.name)

    def _set_link(self, operation: Operation) -> None:
        state, name = self.state[operation.netns], operation.after.name
        demand(name in state.links, f"ENODEV {name}")
        link = state.links[name]
        if link.kind == "ipip" and {*operation.after.attributes} & {*REPEATED}:
            link.attributes.update({**UNASKED["ipip"], "mode": link.attributes["mode"]})
        changes = operation.after.attributes
        for key in sorted(changes, key=lambda name: IN_ORDER.index(name) if name in IN_ORDER else len(IN_ORDER)):
            value = changes[key]
            if link.kind == "bond":
                ports = [port for port in state.links.values() if port.attributes["controller"] == name]
                demand(key not in NEEDS_DOWN or link.attributes["admin_state"] == "down", f"{key}: bond is up")
                demand(key != "mode" or not ports, "mode: bond has ports")
                self._bond(link, key, value)
            if key == "controller" and value:
                self._check_controller(state, link, value)
            held = state.links.get(link.attributes["controller"]) if key == "controller" else None
            if held is not None:
                self._release(operation.netns, link, held)
            if key == "controller" and value and state.links[value].kind == "vrf":  # vrf.c: cycle_netdev
                self._down(state, link)
            if key == "admin_state" and value == "down":
                self._down(state, link)
            if key == "mac_address":
                self._readdress(state, link, value)
            link.attributes[key] = value
            if key == "controller" and value and state.links[value].kind == "bond":
                self._join_bond(operation.netns, link, state.links[value])
            if key == "mtu":
                self._set_mtu(operation.netns, link, value)

    @staticmethod
    def _bond(link: Link, key: str, value: Any) -> None:
        """bond_options.c: bond_option_mode_set, bond_option_miimon_set, bond_option_updelay_set."""
        known = link.attributes
        if key == "mode" and value in WITHOUT_ARP and not known["miimon"]:
            known["miimon"] = 100
        if key == "miimon" and known["miimon"]:
            for delay in ("updelay", "downdelay"):
                known[delay] = known[delay] // known["miimon"] * value
        if key in ("updelay", "downdelay"):
            demand(known["miimon"], f"EPERM: {key} without miimon")
            demand(value % known["miimon"] == 0, f"{key} would be rounded")

    def _readdress(self, state: Observed, link: Link, mac: str) -> None:
        """net/core/neighbour.c: neigh_changeaddr, bond_main.c: bond_set_mac_address."""
        state.neighbours.pop(link.name, None)
        if link.kind == "bond":
            link.attributes["random"] = False
            for port in state.links.values():
                if port.attributes["controller"] == link.name:
                    state.neighbours.pop(port.name, None)
                    port.attributes["mac_address"] = mac

    def _join_bond(self, netns: str, port: Link, bond: Link) -> None:
        """bond_main.c: bond_enslave."""
        state = self.state[netns]
        port.attributes.update(own_mac=port.attributes["mac_address"], own_mtu=port.attributes["mtu"])
        if bond.attributes["random"]:
            bond.attributes["mac_address"] = port.attributes["mac_address"]
            state.neighbours.pop(bond.name, None)
        bond.attributes["random"] = False
        if port.attributes["mac_address"] != bond.attributes["mac_address"]:
            state.neighbours.pop(port.name, None)
        port.attributes["mac_address"] = bond.attributes["mac_address"]
        self._set_mtu(netns, port, bond.attributes["mtu"])

    def _set_mtu(self, netns: str, link: Link, mtu: int) -> None:
        """bond_main.c: bond_change_mtu, vlan.c: vlan_device_event, macvlan.c and ipvlan_main.c alike."""
        link.attributes["mtu"] = mtu
        for port in self.state[netns].links.values():
            if link.kind == "bond" and port.attributes["controller"] == link.name:
                self._set_mtu(netns, port, mtu)
        for place, others in self.state.items():
            for other in others.links.values():
                on = other.kind in PARENT and other.attributes.get(PARENT[other.kind]) == link.name
                if not on or self._place(place, other) != netns:
                    continue
                if other.kind == "ipvlan" or (other.kind in ("vlan", "macvlan") and other.attributes["mtu"] > mtu):
                    self._set_mtu(place, other, mtu)

    @staticmethod
    def _check_controller(state: Observed, link: Link, controller: str) -> None:
        target = state.links.get(controller)
        demand(target is not None and target.kind in ("bridge", "bond", "vrf"), f"{controller} takes no ports")
        assert target is not None
        demand(not link.kind == target.kind == "bridge", "ELOOP: a bridge in a bridge")
        if target.kind == "bond":
            demand(link.attributes["admin_state"] == "down", f"{link.name} is up and cannot be enslaved to a bond")

    def _release(self, netns: str, link: Link, controller: Link) -> None:
        """What a port loses when it leaves (bond_main.c: __bond_release_one, vrf.c: cycle_netdev)."""
        state = self.state[netns]
        if controller.kind == "bond":
            link.attributes["admin_state"] = "down"
            if link.attributes["mac_address"] != link.attributes["own_mac"]:
                state.neighbours.pop(link.name, None)
            link.attributes["mac_address"] = link.attributes.pop("own_mac")
            self._set_mtu(netns, link, link.attributes.pop("own_mtu"))
            left = [port for port in state.links.values() if port.attributes["controller"] == controller.name]
            if all(port is link for port in left):
                controller.attributes.update(mac_address=f"02:fe:00:00:00:{next(self._indexes):02x}", random=True)
                state.neighbours.pop(controller.name, None)
        if controller.kind in ("bond", "vrf"):
            self._down(state, link)

    @staticmethod
    def _down(state: Observed, link: Link) -> None:
        """Remove everything that a link loses when it is set down (fib_frontend.c, addrconf.c, neighbour.c)."""
        state.routes = by_place(item for item in flattened(state.routes) if link.name not in item.devices)
        state.neighbours.pop(link.name, None)
        state.addresses = {
            key: item for key, item in state.addresses.items() if item.dev != link.name or ":" not in item.address
        }

    def _move_link(self, operation: Operation) -> None:
        source, name = self.state[operation.netns], operation.before.name
        end = source.links[name]
        near, place = operation.after.peer, operation.to
        demand(operation.after.name not in self.state[place].links, "EEXIST")
        end.peer = None
        owner = self.state[near[0]].links[near[1]]
        owner.peer = None
        self._drop(operation.netns, name)
        attributes = {**end.attributes, "admin_state": "down", "controller": ""}
        moved = Link(operation.after.name, "veth", attributes, near, index=next(self._indexes))
        self.state[place].links[moved.name] = moved
        owner.peer = (place, moved.name)

    def _delete_link(self, operation: Operation) -> None:
        demand(operation.before.name in self.state[operation.netns].links, "ENODEV")
        self._drop(operation.netns, operation.before.name)

    def _drop(self, netns: str, name: str) -> None:
        state = self.state.get(netns)
        link = state.links.pop(name, None) if state else None
        if state is None or link is None:
            return
        self._down(state, link)
        state.addresses = {key: item for key, item in state.addresses.items() if item.dev != name}
        state.fdb = {entry: None for entry in state.fdb if entry.dev != name}
        for other in list(state.links.values()):
            if other.attributes["controller"] == name:
                other.attributes["controller"] = ""
                self._release(netns, other, link)
        for place, others in list(self.state.items()):
            for other in list(others.links.values()):
                on = other.kind in PARENT and other.attributes.get(PARENT[other.kind]) == name
                if on and self._place(place, other) == netns:
                    self._drop(place, other.name)
        if link.peer:
            self._drop(*link.peer)

    @staticmethod
    def _place(netns: str, link: Link) -> str:
        """The namespace of a link's parent."""
        place = link.attributes.get("parent_netns")
        return netns if place is None else place

    # -- addresses, routes, entries ----------------------------------------------------------------

    @staticmethod
    def _subnet(address: Address) -> tuple[str, Any]:
        head, _slash, prefix = address.address.partition("/")
        return address.dev, ipaddress.ip_interface(f"{address.peer or head}/{prefix}").network

    def _address(self, state: Observed, item: Address, gone: bool) -> None:
        six = ":" in item.address
        if not gone:
            self._add_address(state, item)
            return
        known = state.addresses.pop(item.key, None)
        if known and not six and not known.state.secondary:  # devinet.c: __inet_del_ifa, with promote_secondaries
            heirs = [other for other in state.addresses.values() if self._subnet(other) == self._subnet(item)]
            for heir in heirs[:1]:
                state.addresses[heir.key] = heir._replace(state=heir.state._replace(secondary=False))
        left = {address.address.partition("/")[0] for address in state.addresses.values()}
        state.routes = by_place(it for it in flattened(state.routes) if it.src is None or it.src in left)

    def _add_address(self, state: Observed, item: Address) -> None:
        """inet_rtm_newaddr and inet6_addr_modify, with NLM_F_REPLACE."""
        six = ":" in item.address
        usual = {"metric": 0, "noprefixroute": False, **({"nodad": False} if six else {"scope": 0, "named": item.dev})}
        asked = {name: value for name, value in item._asdict().items() if value is not None and name != "state"}
        known = state.addresses.get(item.key)
        if known is not None:
            demand(known.address == item.address, f"{item}: IPv6 has it as {known.address}")
            # What the request does not name falls back to the kernel's default, except for what is not changed at all.
            if six:
                changed = {name: asked.get(name, False) for name in ("noprefixroute", "nodad")}
                changed.update(peer=asked.get("peer", known.peer), metric=asked.get("metric") or known.metric)
            else:
                changed = {"metric": asked.get("metric", 0)}
            lasting = known.state._replace(lasting=item.state is None or item.state.lasting)
            state.addresses[item.key] = known._replace(**changed, state=lasting)
            return
        twins = [] if six else [it for it in state.addresses.values() if self._subnet(it) == self._subnet(item)]
        made = Address(**{**usual, **asked})
        demand(all(twin.scope == made.scope for twin in twins), "EINVAL: Invalid scope value")
        made = made._replace(
            state=AddressState(secondary=bool(twins), lasting=item.state is None or item.state.lasting)
        )
        newest = {made.key: made}
        # addrconf.c: ipv6_link_dev_addr puts the newest first.
        state.addresses = {**newest, **state.addresses} if six else {**state.addresses, **newest}

    @staticmethod
    def _route(state: Observed, item: Route, verb: str) -> None:
        """fib_trie.c: fib_table_insert and fib_table_delete, ip6_fib.c: fib6_add_rt2node, route.c: ip6_route_del."""
        there = [*state.routes.get(item.place, ())]
        rivals = [other for other in there if other.key == item.key]
        if verb == "delete":
            if any(item is other or item.of_hop(other) for other in rivals):  # ESRCH is looked at again
                item.drop_from(state.routes)
            return
        for dev in item.devices:
            demand(dev in state.links and state.links[dev].attributes["admin_state"] == "up", f"ENETDOWN {item}")
        held = [address.address.partition("/")[0] for address in state.addresses.values()]
        demand(item.src is None or item.src in held, f"EINVAL: nobody has {item.src}")
        demand(item.type not in NOWHERE or not item.hops, f"EINVAL: {item} leads nowhere")
        scope = item.usual_scope if item.scope is None else item.scope
        made = item._replace(onlink=bool(item.onlink), scope=scope, expires=False, mtu_lock=bool(item.mtu_lock))
        if verb == "set" and rivals:
            alike = [other for other in rivals if ":" not in item.dst or bool(other.via) == bool(item.via)]
            first = (alike or rivals)[0]
            put_in(state.routes, item.place, [made if other is first else other for other in there])
            return
        same = [other for other in rivals if (other.type, other.hops) == (made.type, made.hops)]
        demand(":" not in item.dst or not same, f"EEXIST {item}: IPv6 has each next hop once")
        demand(made not in rivals, f"EEXIST {item}")
        twin = next(
            (other for other in rivals if ":" in item.dst and item.via and other.hops and other.hops[0].via), None
        )
        if twin is None:
            put_in(state.routes, item.place, [*there, made])
        else:  # next hops with gateways are one route
            joined = twin._replace(nexthops=(*twin.hops, *made.hops), via=None, dev=None)
            put_in(state.routes, item.place, [joined if other is twin else other for other in there])

    @staticmethod
    def _rule(state: Observed, item: Rule, verb: str) -> None:
        """fib_rules.c: fib_nl_newrule and fib_nl_delrule."""
        if verb == "delete":
            demand(any(item is other for other in state.rules), f"ENOENT {item}")
            item.drop_from(state.rules)
            return
        demand(
            not any(item.met_by(other) and item.protocol == other.protocol for other in state.rules), f"EEXIST {item}"
        )
        later = [index for index, other in enumerate(state.rules) if (other.priority or 0) > (item.priority or 0)]
        state.rules.insert(min(later, default=len(state.rules)), item)

    @staticmethod
    def _neighbour(state: Observed, item: Neighbour, gone: bool) -> None:
        if gone:
            state.neighbours.get(item.dev, {}).pop(item.dst, None)
        else:
            state.neighbours.setdefault(item.dev, {})[item.dst] = item.lladdr

    @staticmethod
    def _fdb(state: Observed, item: FdbEntry, gone: bool) -> None:
        if gone:
            state.fdb.pop(item, None)
            return
        if item.lladdr != values.ZERO_MAC:
            state.fdb = {entry: None for entry in state.fdb if FdbEntry(*entry).key != item.key}
        state.fdb[item] = None
