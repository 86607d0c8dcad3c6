# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of one overlay, planned from the inventory alone.

Each value of a node is computed from its own name and number and from the overlay's parameters. So adding or removing a
node changes no other node's addresses, and no host needs facts about another.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Callable, TypeVar

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import vxlan
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import networks, specification
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.networks import Address, Network
from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import encode
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import STOP, Faults
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import MODES, Node, vtep_mac

T = TypeVar("T")
_KEYS = ("number", "address", "dev")
Listing = Sequence["Listed"]


@dataclass(frozen=True)
class Listed:
    """A node as the inventory lists it. Values that were refused are None.

    :ivar where: the variable that it is from, for messages.
    :ivar faults: takes the faults of this node.
    :ivar given: the underlay address as it is listed.
    :ivar segment: the network of the address. None: the address has no prefix length.
    """

    name: str
    where: str
    faults: Faults
    number: int | None
    given: object
    address: Address | None
    segment: Network | None
    dev: Any

    def refuse(self, parameter: str, value: object, remedy: str, *others: str) -> None:
        """Report a fault.

        :param others: further nodes that it concerns.
        """
        self.faults.add(InvalidParameter(f"{self.where}.{parameter}", value, remedy), *others)


def plan(
    nodes: object, cidr: object, vni: object, node_prefix: object = None, mode: object = MODES[0]
) -> dict[str, Node]:
    """Plan an overlay for all nodes.

    :param nodes: as parse() takes them.
    :param cidr: the overlay's network, or a list of one in IPv4 and one in IPv6.
    :param vni: VXLAN network identifier.
    :param node_prefix: prefix length of each node's pod subnet, or a list of one for each network. None: 24 in IPv4 and
        64 in IPv6.
    :param mode: one of MODES.
    :returns: the nodes by name, in the order of their numbers.
    :raises InvalidParameter: the first fault, before anything is planned.
    """
    overlay = networks.parse(cidr)
    prefixes = networks.prefixes(overlay, node_prefix)
    identifier = values.vni("vni", vni)
    chosen = values.choice("mode", mode, MODES)
    planned = place(parse(nodes), prefixes, identifier, chosen)
    if chosen == "direct":
        refuse_unroutable(planned, overlay, "cidr")
    return planned


def parse(given: object, faults: Faults = STOP, variable: str = "") -> list[Listed]:
    """The nodes, each with what is right of its own values, in the order of their numbers.

    :param given: mapping of name to ``{number, address, dev}``, or a list of ``{name, number, address, dev}``; other
        keys are ignored. ``address`` is the node's underlay address, and ``dev`` the interface that has it. The
        address's prefix length identifies the node's segment; only modes other than vxlan need it.
    :param variable: each node's own variable, where the nodes are hosts: it takes no other keys, and needs ``dev``.
    """
    listed = [_listed(name, node, faults, variable) for name, node in _named(given, faults)]
    listed.sort(key=lambda node: (node.number is None, node.number, node.name))
    _refuse_duplicates(listed, "number", lambda node: node.number, "give each node a number of its own")
    remedy = "give each node its own underlay address (a cloned machine?)"
    _refuse_duplicates(listed, "address", lambda node: node.address and str(node.address), remedy)
    addressed = [node for node in listed if node.address]
    most, others = alike(addressed, lambda node: node.address.version if node.address else 0)
    for node in others:
        remedy = f"{most[0].name} has {most[0].address}: run one overlay over IPv4 or over IPv6, not over both"
        node.refuse("address", str(node.address), remedy)
    return listed


def place(listed: Listing, prefixes: Mapping[Network, int], vni: int, mode: str) -> dict[str, Node]:
    """The nodes of one overlay, without those with faults.

    :param prefixes: the overlay's networks, each with the prefix length of a node's pod subnet.
    :param mode: one of MODES.
    """
    planned = {}
    for node in listed:
        found = _node(node, prefixes, vni, mode)
        if found:
            planned[node.name] = found
    there = [node for node in listed if node.name in planned]
    remedy = "the two names give the same VTEP MAC: rename one of them"
    _refuse_duplicates(there, "name", lambda node: planned[node.name].mac_address, remedy)
    if mode != "vxlan":
        _refuse_overlapping_segments(there)
    if mode == "direct":
        most, others = alike(there, lambda node: node.segment)
        for node in others:
            other = f"{most[0].name} is on {most[0].segment}"
            remedy = f"mode direct is for nodes of one segment, and {other}: use cross_subnet"
            node.refuse("address", f"{node.address} on {node.segment}", remedy)
    return planned


def refuse_unroutable(planned: Mapping[str, Node], overlay: Iterable[Network], where: str) -> None:
    """Refuse networks that mode direct cannot route, as the nodes have no address of their family.

    :param where: the parameter's name, for messages.
    """
    underlay = next((node.underlay for node in planned.values()), None)
    for network in overlay:
        if underlay and network.version != ipaddress.ip_address(underlay).version:
            remedy = f"mode direct routes by the underlay's addresses ({underlay}): use cross_subnet"
            raise InvalidParameter(where, str(network), remedy)


def alike(items: Iterable[T], key: Callable[[T], Hashable]) -> tuple[list[T], list[T]]:
    """The items that most have in common what the key says, and those that differ."""
    groups: dict[Hashable, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    most = max(groups.values(), key=len, default=[])
    return most, [item for group in groups.values() if group is not most for item in group]


def _listed(name: str, node: Mapping[str, Any], faults: Faults, variable: str) -> Listed:
    where, own = (variable, faults.at(name)) if variable else (f"nodes[{name}]", faults)
    if variable:
        for key in node:
            if key not in _KEYS:
                own.add(InvalidParameter(f"{where}.{key}", node[key], f"a node takes only {', '.join(_KEYS)}"))
        own.check(values.ifname, f"{where}.dev", node.get("dev"))
    number = own.check(specification.whole, f"{where}.number", node.get("number"), ", to each node its own")
    address, segment = own.check(networks.underlay, f"{where}.address", node.get("address")) or (None, None)
    return Listed(name, where, own, number, node.get("address"), address, segment, node.get("dev"))


def _node(node: Listed, prefixes: Mapping[Network, int], vni: int, mode: str) -> Node | None:
    """A node of an overlay; None: it has faults."""
    number, address = node.number, node.address
    if number is None or address is None:
        return None
    right = True
    for room, told in networks.capacity(prefixes):
        if node.faults.check(values.integer, f"{node.where}.number", number, 0, room - 1, told) is None:
            right = False
    for network in prefixes:
        if address in network:
            node.refuse("address", node.given, f"it is inside the overlay {network}: keep the two apart")
            right = False
    if mode != "vxlan":
        if node.segment is None:
            remedy = f"mode {mode} needs its prefix length to know the nodes of a segment: give {address}/24 or such"
            node.refuse("address", node.given, remedy)
            right = False
        right = node.faults.check(values.ifname, f"{node.where}.dev", node.dev) is not None and right
    if not right:
        return None
    return Node(
        number=number,
        underlay=str(address),
        dev=node.dev,
        segment=None if mode == "vxlan" else str(node.segment),
        mac_address=vtep_mac(vni, node.name),
        mtu_overhead=0 if mode == "direct" else vxlan.KIND.overhead({"local": str(address)}),
        networks=tuple(networks.share(network, prefix, number) for network, prefix in prefixes.items()),
    )


def _named(nodes: object, faults: Faults) -> list[tuple[str, Mapping[str, Any]]]:
    if isinstance(nodes, Mapping):
        pairs = [(str(name), node) for name, node in nodes.items()]
    elif isinstance(nodes, Iterable) and not isinstance(nodes, (str, bytes)):
        pairs = [(_name(index, node), node) for index, node in enumerate(nodes)]
    else:
        raise InvalidParameter("nodes", nodes, "give a mapping of name to {number, address}, or a list with names")
    found: dict[str, Mapping[str, Any]] = {}
    for name, node in pairs:
        if not isinstance(node, Mapping):
            faults.add(InvalidParameter(f"nodes[{name}]", node, "give a mapping with number and address"))
        elif name in found:
            faults.add(InvalidParameter("nodes", name, "this name is listed twice: list each node once"))
        else:
            found[name] = node
    return list(found.items())


def _name(index: int, node: object) -> str:
    name = node.get("name") if isinstance(node, Mapping) else None
    return values.text(f"nodes[{index}].name", name)


def _refuse_duplicates(listed: Listing, parameter: str, value: Callable[[Listed], object], remedy: str) -> None:
    owners: dict[object, str] = {}
    for node in listed:
        found = value(node)
        other = owners.setdefault(found, node.name)
        if found is not None and other != node.name:
            node.refuse(parameter, found, f"{other} has it too; {remedy}", other)


def _refuse_overlapping_segments(listed: Listing) -> None:
    """A node would take a node of the other segment for a neighbour that does not answer."""
    owners: dict[Network, str] = {}
    for node in listed:
        segment = node.segment
        if segment is None or segment in owners:
            continue
        for other, owner in owners.items():
            if segment.version == other.version and segment.overlaps(other):
                remedy = f"{owner} is in {other}, which overlaps: nodes of one segment have one prefix length"
                node.refuse("address", f"{node.address}/{segment.prefixlen}", remedy, owner)
        owners[segment] = node.name


def described(nodes: Mapping[str, Node], device: object) -> dict[str, dict[str, Any]]:
    """The nodes of an overlay as the filter overlay_plan returns them, each with the entries that lead to it.

    :param device: the name of the VXLAN interface in these entries.
    :raises InvalidParameter: it is no interface's name.
    """
    name = values.ifname("device", device)
    return {key: {**encode(node), "peer": encode(node.peer(name))} for key, node in nodes.items()}
