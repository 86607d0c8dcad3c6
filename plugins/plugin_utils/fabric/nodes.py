# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nodes of one overlay, planned from the inventory alone.

Each value of a node is computed from its own name and number and from the overlay's parameters. So adding or removing a
node changes no other node's addresses, and no host needs facts about another.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import vxlan
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import networks
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.networks import Network
from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import encode
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import MODES, Node

Named = list[tuple[str, Node]]


def plan(
    nodes: object, cidr: object, vni: object, node_prefix: object = None, mode: object = MODES[0]
) -> dict[str, Node]:
    """Plan an overlay for all nodes.

    :param nodes: mapping of name to ``{number, address, dev}``, or a list of ``{name, number, address, dev}``; other
        keys are ignored. ``address`` is the node's underlay address, and ``dev`` the interface that has it. The
        address's prefix length identifies the node's segment; only modes other than vxlan need it.
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
    identifier = values.integer("vni", vni, 0, values.LARGEST_VNI)
    chosen = values.choice("mode", mode, MODES)
    planned = sorted(
        ((name, _node(name, node, prefixes, identifier, chosen)) for name, node in _named(nodes)),
        key=lambda item: (item[1].number, item[0]),
    )
    _refuse_duplicates(planned, "number", lambda node: node.number, "give each node a number of its own")
    remedy = "give each node its own underlay address (a cloned machine?)"
    _refuse_duplicates(planned, "address", lambda node: node.underlay, remedy)
    remedy = "the two names give the same VTEP MAC: rename one of them"
    _refuse_duplicates(planned, "name", lambda node: node.mac_address, remedy)
    _refuse_mixed_underlay(planned)
    _refuse_overlapping_segments(planned)
    if chosen == "direct":
        _refuse_need_of_a_tunnel(planned, overlay)
    return dict(planned)


def vtep_mac(vni: int, name: str) -> str:
    """The MAC address of a node's VTEP."""
    return values.derived_mac(f"{vni}/{name}")


def _node(name: str, node: Mapping[str, Any], prefixes: Mapping[Network, int], vni: int, mode: str) -> Node:
    where = f"nodes[{name}]"
    for room, told in networks.capacity(prefixes):
        number = values.integer(f"{where}.number", node.get("number"), 0, room - 1, told)
    address, segment = networks.underlay(f"{where}.address", node.get("address"), prefixes)
    if mode != "vxlan":
        values.ifname(f"{where}.dev", node.get("dev"))
        if segment is None:
            remedy = f"mode {mode} needs its prefix length to know the nodes of a segment: give {address}/24 or such"
            raise InvalidParameter(f"{where}.address", node.get("address"), remedy)
    return Node(
        number=number,
        underlay=str(address),
        dev=node.get("dev"),
        segment=None if mode == "vxlan" else str(segment),
        mac_address=vtep_mac(vni, name),
        mtu_overhead=0 if mode == "direct" else vxlan.KIND.overhead({"local": str(address)}),
        networks=tuple(networks.share(network, prefix, number) for network, prefix in prefixes.items()),
    )


def _named(nodes: object) -> Iterable[tuple[str, Mapping[str, Any]]]:
    if isinstance(nodes, Mapping):
        pairs = [(str(name), node) for name, node in nodes.items()]
    elif isinstance(nodes, Iterable) and not isinstance(nodes, (str, bytes)):
        pairs = [(_name(index, node), node) for index, node in enumerate(nodes)]
    else:
        raise InvalidParameter("nodes", nodes, "give a mapping of name to {number, address}, or a list with names")
    seen: set[str] = set()
    for name, node in pairs:
        if not isinstance(node, Mapping):
            raise InvalidParameter(f"nodes[{name}]", node, "give a mapping with number and address")
        if name in seen:
            raise InvalidParameter("nodes", name, "this name is listed twice: list each node once")
        seen.add(name)
    return pairs


def _name(index: int, node: object) -> str:
    name = node.get("name") if isinstance(node, Mapping) else None
    return values.text(f"nodes[{index}].name", name)


def _refuse_duplicates(planned: Named, parameter: str, value: Callable[[Node], object], remedy: str) -> None:
    owners: dict[object, str] = {}
    for name, node in planned:
        other = owners.setdefault(value(node), name)
        if other != name:
            raise InvalidParameter(f"nodes[{name}].{parameter}", value(node), f"{other} has it too; {remedy}")


def _refuse_mixed_underlay(planned: Named) -> None:
    for name, node in planned[1:]:
        first, other = planned[0]
        if values.family(node.underlay) != values.family(other.underlay):
            raise InvalidParameter(
                f"nodes[{name}].address",
                node.underlay,
                f"{first} has {other.underlay}: run one overlay over IPv4 or over IPv6, not over both",
            )


def _refuse_overlapping_segments(planned: Named) -> None:
    """A node would take a node of the other segment for a neighbour that does not answer."""
    owners: dict[str, str] = {}
    for name, node in planned:
        if node.segment is None or node.segment in owners:
            continue
        segment = ipaddress.ip_network(node.segment)
        for other, owner in owners.items():
            if segment.overlaps(ipaddress.ip_network(other)):
                remedy = f"{owner} is in {other}, which overlaps: nodes of one segment have one prefix length"
                raise InvalidParameter(f"nodes[{name}].address", f"{node.underlay}/{segment.prefixlen}", remedy)
        owners[node.segment] = name


def _refuse_need_of_a_tunnel(planned: Named, overlay: list[Network]) -> None:
    """Refuse nodes and networks that mode direct cannot connect."""
    for name, node in planned:
        first, other = planned[0]
        if node.segment != other.segment:
            remedy = f"mode direct is for nodes of one segment, and {first} is on {other.segment}: use cross_subnet"
            raise InvalidParameter(f"nodes[{name}].address", f"{node.underlay} on {node.segment}", remedy)
    for network in overlay:
        if planned and network.version != ipaddress.ip_address(planned[0][1].underlay).version:
            remedy = f"mode direct routes by the underlay's addresses ({planned[0][1].underlay}): use cross_subnet"
            raise InvalidParameter("cidr", str(network), remedy)


def described(nodes: Mapping[str, Node], device: object) -> dict[str, dict[str, Any]]:
    """The nodes of an overlay as the filter overlay_plan returns them, each with the entries that lead to it.

    :param device: the name of the VXLAN interface in these entries.
    :raises InvalidParameter: it is no interface's name.
    """
    name = values.ifname("device", device)
    return {key: {**encode(node), "peer": encode(node.peer(name))} for key, node in nodes.items()}
