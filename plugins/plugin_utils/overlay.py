# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The overlay's address plan, from the inventory alone.

Every value of a node follows from its own name and number and from the overlay's parameters, so adding or
removing a node moves nobody, and one host's run needs no facts of another.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Union

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Plan = dict[str, dict[str, Any]]

VNI_MAX = 2**24 - 1
"""Largest VXLAN network identifier (RFC 7348, section 5)."""

VXLAN_OVERHEAD = {4: 50, 6: 70}
"""Bytes that VXLAN takes of the underlay's MTU, by the underlay's IP version: inner Ethernet 14, VXLAN 8, UDP 8,
outer IPv4 20 or IPv6 40 (RFC 7348, section 5)."""

DEFAULT_NODE_PREFIX = {4: 24, 6: 64}
"""Prefix length of a node's pod subnet, by the overlay's IP version."""

LONGEST_NODE_PREFIX = {4: 30, 6: 126}
"""Beyond these a subnet has no room for the VTEP, the gateway and a single pod."""


ROUTE_PROTOCOL = 120
"""Number of the overlays' routes. On the underlay's interface, it tells them from those of the role mgmt_routing."""

MODES = ("vxlan", "direct", "cross_subnet")
"""How nodes reach each other's pods: all through VXLAN, none, or those that are on another segment."""

_KEYS = ("name", "state", "cidr", "node_prefix", "vni", "port", "device", "mode", "bridge")

_FORWARDING = {
    # The kernel switches accept_redirects together with ip_forward. Named here, it comes back to its old value as well.
    4: {"net.ipv4.ip_forward": 1, "net.ipv4.conf.all.accept_redirects": 0},
    # A VTEP has the address that its pods' network has for any of its routers (RFC 4291, section 2.6.1). Without this
    # the node answers a pod's ping of it from another address.
    6: {"net.ipv6.conf.all.forwarding": 1, "net.ipv6.anycast_src_echo_reply": 1},
}


def plan(
    nodes: object,
    cidr: object,
    vni: object,
    node_prefix: object = None,
    device: object = "vxlan0",
    mode: object = "vxlan",
) -> Plan:
    """Plan an overlay for all nodes.

    :param nodes: mapping of name to ``{number, address, dev}``, or a list of ``{name, number, address, dev}``; other
        keys are ignored. ``address`` is the node's underlay address, and ``dev`` the interface that has it. Its prefix
        length says which segment the node is on; only modes other than vxlan need it.
    :param cidr: the overlay's network, or a list of one in IPv4 and one in IPv6.
    :param vni: VXLAN network identifier.
    :param node_prefix: prefix length of each node's pod subnet, or a list of one for each network; 24 in IPv4 and 64 in
        IPv6 if not given.
    :param device: name of the VXLAN device in the peer entries.
    :param mode: one of MODES.
    :returns: by node name: ``number``, ``underlay``, ``dev``, ``segment`` (None: all goes through VXLAN),
        ``mac_address``, ``mtu_overhead`` in bytes, ``networks``: for each of the overlay's ``cidr``, ``vtep``,
        ``vtep_cidr``, ``subnet``, ``gateway`` and ``gateway_cidr``, and ``peer``: the ``fdb``, ``neighbours`` and
        ``routes`` by which other nodes reach this one through VXLAN. Sorted by number.
    :raises InvalidParameter: the first thing that is wrong, before anything is planned for anybody.
    """
    networks = _networks(cidr)
    prefixes = _prefixes(networks, node_prefix)
    identifier = values.integer("vni", vni, 0, VNI_MAX)
    interface = values.ifname("device", device)
    chosen = values.choice("mode", mode, MODES)
    planned = sorted(
        (_node(name, node, prefixes, identifier, interface, chosen) for name, node in _named(nodes)),
        key=lambda item: (item[1]["number"], item[0]),
    )
    _refuse_duplicates(planned, "number", "number", "give each node a number of its own")
    _refuse_duplicates(planned, "address", "underlay", "give each node its own underlay address (a cloned machine?)")
    _refuse_duplicates(planned, "name", "mac_address", "the two names give the same VTEP MAC: rename one of them")
    _refuse_mixed_underlay(planned)
    _refuse_overlapping_segments(planned)
    if chosen == "direct":
        _refuse_what_needs_a_tunnel(planned, networks)
    return dict(planned)


def plans(overlays: object, nodes: object, defaults: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Plan all overlays of the same nodes.

    :param overlays: list of what each has of ``name``, ``state``, ``cidr``, ``node_prefix``, ``vni``, ``port``,
        ``device``, ``mode`` and ``bridge``, the name of its pods' bridge.
    :param nodes: as plan() takes them.
    :param defaults: what those have that do not say it.
    :returns: by name, ``state``, ``vni``, ``port``, ``device``, ``mode``, ``bridge``, ``cidrs``, and ``nodes``, the
        result of plan(); of those that are to go, all but the last two.
    :raises InvalidParameter: the first thing that is wrong with one of them, or with two together.
    """
    if not isinstance(overlays, (list, tuple)) or not overlays:
        raise InvalidParameter("overlay_overlays", overlays, "give a list of {name, cidr, vni, device, bridge}")
    planned: dict[str, dict[str, Any]] = {}
    holders: dict[tuple[str, Any], str] = {}
    for index, overlay in enumerate(overlays):
        where = f"overlay_overlays[{index}]"
        found = _overlay(where, overlay, defaults)
        name = found["name"]
        if found["state"] == "present":
            try:
                found["nodes"] = plan(
                    nodes, found["cidr"], found["vni"], found["node_prefix"], found["device"], found["mode"]
                )
            except InvalidParameter as error:
                which = f"overlay {name}: " if len(overlays) > 1 else ""
                raise InvalidParameter(f"{which}{error.parameter}", error.value, error.remedy) from None
            found["cidrs"] = [str(network) for network in _networks(found["cidr"])]
        unique = [("name", name), ("device", found["device"]), ("bridge", found["bridge"])]
        if found["state"] == "present":
            unique.append(("vni", (found["vni"], found["port"])))
        for key, value in unique:
            other = holders.setdefault((key, value), where)
            if other != where:
                raise InvalidParameter(f"{where}.{key}", found[key], f"{other} has it too: give each overlay its own")
        _refuse_overlapping(where, found, planned)
        planned[name] = {key: value for key, value in found.items() if key not in ("name", "cidr", "node_prefix")}
    return planned


def _overlay(where: str, overlay: object, defaults: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(overlay, Mapping):
        raise InvalidParameter(where, overlay, "give a dictionary with at least a name")
    for key in overlay:
        if key not in _KEYS:
            raise InvalidParameter(f"{where}.{key}", overlay[key], f"an overlay takes only {', '.join(_KEYS)}")
    found = {**defaults, **overlay}

    def named(key: str) -> str:
        return f"{where}.{key}" if key in overlay else f"overlay_{key}"

    state = values.choice(named("state"), found["state"], ("present", "absent"))
    return {
        "name": values.text(f"{where}.name", found.get("name")),
        # What is said of all goes before what is said of one.
        "state": "absent" if defaults["state"] == "absent" else state,
        "cidr": found["cidr"],
        "node_prefix": found["node_prefix"],
        "vni": values.integer(named("vni"), found["vni"], 0, VNI_MAX),
        "port": values.integer(named("port"), found["port"], 1, 65535),
        "device": values.ifname(named("device"), found["device"]),
        "mode": found["mode"],
        "bridge": values.ifname(f"{where}.bridge", found["bridge"]),
    }


def _refuse_overlapping(where: str, overlay: Mapping[str, Any], others: Mapping[str, Mapping[str, Any]]) -> None:
    for cidr in overlay.get("cidrs", ()):
        network = ipaddress.ip_network(cidr)
        for name, other in others.items():
            for taken in map(ipaddress.ip_network, other.get("cidrs", ())):
                if taken.version == network.version and taken.overlaps(network):
                    raise InvalidParameter(f"{where}.cidr", cidr, f"overlay {name} has {taken}: keep the two apart")


def entries(nodes: Plan, near: str, far: str) -> dict[str, list[dict[str, Any]]]:
    """What one node needs to reach another's pods: ``fdb``, ``neighbours`` and ``routes``.

    Nodes of one segment route to each other, in the address family that they have there.
    """
    one, other = nodes[near], nodes[far]
    straight = [
        network["subnet"]
        for network in other["networks"]
        if one["segment"] is not None
        and one["segment"] == other["segment"]
        and values.family(network["subnet"]) == values.family(other["underlay"])
    ]
    routes = [{"dst": subnet, "via": other["underlay"], "dev": one["dev"]} for subnet in straight]
    tunnelled = [route for route in other["peer"]["routes"] if route["dst"] not in straight]
    gateways = [route["via"] for route in tunnelled]
    return {
        "fdb": other["peer"]["fdb"] if tunnelled else [],
        "neighbours": [entry for entry in other["peer"]["neighbours"] if entry["dst"] in gateways],
        "routes": [*routes, *tunnelled],
    }


def document(overlays: Mapping[str, Mapping[str, Any]], host: str) -> dict[str, Any]:
    """What a host has of all overlays.

    :param overlays: the result of plans().
    :returns: ``state`` and ``document``, as weft.fabric.document takes them, and ``gone``, the links that are to go
        besides. Of what is present, the first link is the underlay's interface.
    :raises InvalidParameter: the host's underlay interface is not named.
    """
    there = [overlay for overlay in overlays.values() if overlay["state"] == "present"]
    gone = [
        {"name": overlay["device"], "kind": "vxlan"}
        for overlay in overlays.values()
        if overlay["state"] == "absent" or overlay["mode"] == "direct"
    ]
    found: dict[str, list[Any]] = {"links": [], "neighbours": [], "fdb": [], "routes": []}
    for overlay in there:
        node = overlay["nodes"][host]
        if not found["links"]:
            # Names it and asks nothing of it: if it is missing, that is an error, and its MTU comes back.
            found["links"].append({"name": values.ifname(f"nodes[{host}].dev", node["dev"])})
        if overlay["mode"] != "direct":
            found["links"].append(_device(overlay, node))
        for peer in overlay["nodes"]:
            if peer != host:
                for section, items in entries(overlay["nodes"], host, peer).items():
                    found[section] += items
    topology = {
        "namespaces": {"": found if there else {"links": gone}},
        "purge": bool(there),
        "purge_links": bool(there),
        "route_protocol": ROUTE_PROTOCOL,
    }
    isolation = {"isolation": [overlay["cidrs"] for overlay in there]} if len(overlays) > 1 else {}
    return {
        "state": "present" if there else "absent",
        "document": {"topology": topology, "sysctl": _settings(there), **isolation},
        "gone": gone if there else [],
    }


def _settings(overlays: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The kernel parameters of a host with these overlays."""
    versions = sorted({ipaddress.ip_network(cidr).version for overlay in overlays for cidr in overlay["cidrs"]})
    # A node is the router of its pods.
    found = {key: value for version in versions for key, value in _FORWARDING[version].items()}
    for overlay in overlays:
        if overlay["mode"] != "direct":
            # Loose: what a pod sends to another node's own address may come back by another way.
            found[f"net/ipv4/conf/{overlay['device']}/rp_filter"] = 2
    return found


def _device(overlay: Mapping[str, Any], node: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": overlay["device"],
        "kind": "vxlan",
        "vni": overlay["vni"],
        "local": node["underlay"],
        "dev": node["dev"],
        "port": overlay["port"],
        "learning": False,
        "mtu": "auto",
        "mac_address": node["mac_address"],
        # Host addresses, so that the kernel adds no route of its own.
        "addresses": [network["vtep_cidr"] for network in node["networks"]],
    }


def vtep_mac(vni: int, name: str) -> str:
    """The VTEP MAC of a node."""
    return values.derived_mac(f"{vni}/{name}")


def _node(
    name: str, node: Mapping[str, Any], prefixes: Mapping[Network, int], vni: int, device: str, mode: str
) -> tuple[str, dict[str, Any]]:
    where = f"nodes[{name}]"
    for network, prefix in prefixes.items():
        capacity = 2 ** (prefix - network.prefixlen)
        number = values.integer(
            f"{where}.number",
            node.get("number"),
            0,
            capacity - 1,
            f"{network} has room for {capacity} nodes of /{prefix}: take a free number or a wider network",
        )
    underlay, segment = _underlay(f"{where}.address", node.get("address"), prefixes)
    if mode != "vxlan":
        values.ifname(f"{where}.dev", node.get("dev"))
        if segment is None:
            remedy = (
                f"mode {mode} tells by its prefix length which nodes are on one segment: give {underlay}/24 or such"
            )
            raise InvalidParameter(f"{where}.address", node.get("address"), remedy)
    networks = [_share(network, prefix, number) for network, prefix in prefixes.items()]
    mac = vtep_mac(vni, name)
    return name, {
        "number": number,
        "underlay": str(underlay),
        "dev": node.get("dev"),
        "segment": None if mode == "vxlan" else str(segment),
        "mac_address": mac,
        "mtu_overhead": 0 if mode == "direct" else VXLAN_OVERHEAD[underlay.version],
        "networks": networks,
        "peer": {
            "fdb": [{"dev": device, "lladdr": mac, "dst": str(underlay)}],
            "neighbours": [{"dev": device, "dst": network["vtep"], "lladdr": mac} for network in networks],
            "routes": [
                {"dev": device, "dst": network["subnet"], "via": network["vtep"], "onlink": True}
                for network in networks
            ],
        },
    }


def _share(network: Network, prefix: int, number: int) -> dict[str, str]:
    """A node's share of one of the overlay's networks."""
    # Not network.subnets(), which counts up to the number wanted.
    base = int(network.network_address) + (number << (network.max_prefixlen - prefix))
    subnet = type(network)((base, prefix))
    vtep, gateway = str(subnet[0]), str(subnet[1])
    return {
        "cidr": str(network),
        "vtep": vtep,
        "vtep_cidr": f"{vtep}/{network.max_prefixlen}",
        "subnet": str(subnet),
        "gateway": gateway,
        "gateway_cidr": f"{gateway}/{prefix}",
    }


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
            raise InvalidParameter("nodes", name, "this name is there twice: name each node once")
        seen.add(name)
    return pairs


def _name(index: int, node: object) -> str:
    name = node.get("name") if isinstance(node, Mapping) else None
    return values.text(f"nodes[{index}].name", name)


def _networks(cidr: object) -> list[Network]:
    """The overlay's networks."""
    if not isinstance(cidr, (list, tuple)):
        return [_network("cidr", cidr)]
    found = [_network(f"cidr[{index}]", item) for index, item in enumerate(cidr)]
    if not found:
        raise InvalidParameter("cidr", cidr, "give a network such as 10.244.0.0/16")
    for index, network in enumerate(found[1:], 1):
        if network.version in [other.version for other in found[:index]]:
            remedy = f"{found[0]} is IPv{network.version} too: give one network in IPv4 and one in IPv6"
            raise InvalidParameter(f"cidr[{index}]", str(network), remedy)
    return found


def _network(parameter: str, cidr: object) -> Network:
    network = ipaddress.ip_network(values.network(parameter, cidr))
    if not all(_is_routable(address) for address in (network[0], network[-1])):
        raise InvalidParameter(parameter, cidr, "give a unicast network that can be routed, such as 10.244.0.0/16")
    return network


def _prefixes(networks: list[Network], node_prefix: object) -> dict[Network, int]:
    """By network, the prefix length of each node's pod subnet in it."""
    given = node_prefix if isinstance(node_prefix, (list, tuple)) else [node_prefix]
    if node_prefix is None:
        given = [DEFAULT_NODE_PREFIX[network.version] for network in networks]
    if len(given) != len(networks):
        raise InvalidParameter("node_prefix", node_prefix, f"give one for each of {', '.join(map(str, networks))}")
    return {
        network: values.integer(
            "node_prefix",
            given[index],
            network.prefixlen,
            LONGEST_NODE_PREFIX[network.version],
            f"the prefix length of a node's pod subnet inside {network}",
        )
        for index, network in enumerate(networks)
    }


def _underlay(parameter: str, value: object, overlay: Iterable[Network]) -> tuple[Address, Network | None]:
    """A node's address, and the network of its segment if it has a prefix length."""
    if isinstance(value, str) and "/" in value:
        interface = ipaddress.ip_interface(values.interface_address(parameter, value))
        address, segment = interface.ip, interface.network
    else:
        address, segment = ipaddress.ip_address(values.address(parameter, value)), None
    if not _is_routable(address):
        raise InvalidParameter(parameter, value, "give a unicast address that the other nodes reach")
    for network in overlay:
        if address in network:
            raise InvalidParameter(parameter, value, f"it lies in the overlay {network}: keep the two apart")
    return address, segment


def _is_routable(address: Address) -> bool:
    return not (address.is_multicast or address.is_loopback or address.is_link_local or address.is_unspecified)


def _refuse_duplicates(planned: list[tuple[str, dict[str, Any]]], parameter: str, key: str, remedy: str) -> None:
    owners: dict[Any, str] = {}
    for name, node in planned:
        other = owners.setdefault(node[key], name)
        if other != name:
            raise InvalidParameter(f"nodes[{name}].{parameter}", node[key], f"{other} has it too; {remedy}")


def _refuse_mixed_underlay(planned: list[tuple[str, dict[str, Any]]]) -> None:
    for name, node in planned[1:]:
        first, other = planned[0]
        if node["mtu_overhead"] != other["mtu_overhead"]:
            raise InvalidParameter(
                f"nodes[{name}].address",
                node["underlay"],
                f"{first} has {other['underlay']}: run one overlay over IPv4 or over IPv6, not over both",
            )


def _refuse_overlapping_segments(planned: list[tuple[str, dict[str, Any]]]) -> None:
    """One would take the other for a neighbour that does not answer."""
    owners: dict[str, str] = {}
    for name, node in planned:
        if node["segment"] is None or node["segment"] in owners:
            continue
        segment = ipaddress.ip_network(node["segment"])
        for other, owner in owners.items():
            if segment.overlaps(ipaddress.ip_network(other)):
                remedy = f"{owner} is in {other}, which overlaps: nodes of one segment have one prefix length"
                raise InvalidParameter(f"nodes[{name}].address", f"{node['underlay']}/{segment.prefixlen}", remedy)
        owners[node["segment"]] = name


def _refuse_what_needs_a_tunnel(planned: list[tuple[str, dict[str, Any]]], networks: list[Network]) -> None:
    for name, node in planned:
        first, other = planned[0]
        if node["segment"] != other["segment"]:
            remedy = f"mode direct is for nodes of one segment, and {first} is on {other['segment']}: use cross_subnet"
            raise InvalidParameter(f"nodes[{name}].address", f"{node['underlay']} on {node['segment']}", remedy)
    for network in networks:
        if planned and network.version != ipaddress.ip_address(planned[0][1]["underlay"]).version:
            remedy = f"mode direct routes by the underlay's addresses ({planned[0][1]['underlay']}): use cross_subnet"
            raise InvalidParameter("cidr", str(network), remedy)
