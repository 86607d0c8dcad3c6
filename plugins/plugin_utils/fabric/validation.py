# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validation of the whole fabric, before any host is contacted: all faults of all hosts at once.

The rules are the planners' own, and those of the engine on the hosts. What is here besides concerns several hosts, or
several roles: names of interfaces and addresses that two of them have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Place, Pod
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import (
    addresses,
    nodes,
    overlays,
    pods,
    specification,
    translation,
    underlay,
)
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.inventory import OVERLAY, Inventory
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import Fault, Faults
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Node, Overlay

_PLANNED = (
    *("overlay_node", "overlay_overlays", "pods_pods", "pods_network", "pods_bridge"),
    *(f"overlay_{key}" for key in OVERLAY),
)
"""Variables that the planners check themselves."""

_RULES: Mapping[str, Callable[[str, Any], object]] = {"pods_port": values.port, "bandwidth_port": values.port}


@dataclass(frozen=True)
class Validated:
    """The result.

    :ivar faults: what is refused.
    :ivar warnings: what looks like a mistake.
    :ivar overlays: the overlays with all nodes that have no faults.
    """

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    overlays: Mapping[str, Overlay] = field(default_factory=dict)


def validate(inventory: Inventory) -> Validated:
    """Look at everything that the inventory says of the fabric."""
    faults = Faults([])
    for name, group in inventory.missing.items():
        remedy = "the inventory has no host in such a group: give -e fabric_nodes=GROUP and -e fabric_routers=GROUP"
        faults.add(InvalidParameter(name, group, remedy))
    for (host, name), (template, reason) in inventory.unreadable.items():
        faults.at(host).add(InvalidParameter(name, template, reason))
    for host in inventory.variables:
        _check_variables(inventory, host, faults.at(host))
    planned = _check_overlays(inventory, faults)
    _check_addresses(inventory, planned, faults)
    return Validated(faults.found or [], list(_misspelt(inventory)), planned)


def _check_variables(inventory: Inventory, host: str, faults: Faults) -> None:
    """The variables of a host that no planner on the controller checks."""
    right = {}
    for name, value in inventory.variables[host].items():
        if name in _PLANNED:
            continue
        if name in _RULES:
            faults.check(_RULES[name], name, value)
        elif specification.check(name, value, inventory.options[name], faults):
            right[name] = value
    for index, network in enumerate(right.get("overlay_admission_from") or ()):
        faults.check(values.network_or_address, f"overlay_admission_from[{index}]", network)
    underlay.check(right, faults)


def _check_overlays(inventory: Inventory, faults: Faults) -> dict[str, Overlay]:
    """The overlays, their nodes, and the pods of these."""
    shared = inventory.shared(faults)
    listed = {}
    if shared["overlay_state"] != "absent":
        given = {node: inventory.value(node, "overlay_node") for node in inventory.nodes}
        for node, value in given.items():
            if isinstance(value, Mapping):
                listed[node] = value
            elif (node, "overlay_node") not in inventory.unreadable:
                remedy = "give the node's number, address and dev"
                faults.at(node).add(InvalidParameter("overlay_node", value, remedy))
    defaults = {key: shared[f"overlay_{key}"] for key in OVERLAY} | {"bridge": shared["pods_bridge"]}
    there = nodes.parse(listed, faults, "overlay_node")
    planned = overlays.plan(shared["overlay_overlays"], there, defaults, inventory.fabric(faults))
    planned = translation.added(planned, inventory)
    on_segments: dict[object, tuple[str, str]] = {}
    for host in inventory.nodes:
        own = faults.at(host)
        found = _check_pods(inventory, host, planned, own)
        if any(overlay.present for overlay in planned.values()):
            _check_places(inventory, host, planned, found, own)
            _check_names(host, inventory, planned, found, own)
            _check_segments(host, found, on_segments, own)
    return planned


def _check_pods(inventory: Inventory, host: str, planned: Mapping[str, Overlay], faults: Faults) -> list[Pod]:
    """The pods of a host without faults that are to be there."""
    default = drivers.network("pods_network", inventory.value(host, "pods_network"), faults)
    found = pods.parse(inventory.value(host, "pods_pods"), planned, default, faults)
    pods.attachments(found, faults)
    return [] if inventory.value(host, "pods_state") == "absent" else found


def _check_places(
    inventory: Inventory, host: str, planned: Mapping[str, Overlay], there: list[Pod], faults: Faults
) -> None:
    """The addresses of a host's pods, in overlays of which the host is a node without faults."""
    pods.refuse_removed_overlays(there, faults)
    present = [overlay for overlay in planned.values() if overlay.present and host in overlay.nodes]
    every: dict[str, Node] = {name: node for overlay in present for name, node in overlay.nodes.items()}
    if host in every:
        cidrs = tuple(cidr for overlay in planned.values() for cidr in overlay.cidrs)
        place = Place(host, every, cidrs)
        default = drivers.network("pods_network", inventory.value(host, "pods_network"), Faults([]))
        for group in addresses.groups(there, default, place, present):
            addresses.placed(*group, faults)


def _check_names(
    host: str, inventory: Inventory, planned: Mapping[str, Overlay], there: list[Pod], faults: Faults
) -> None:
    """Refuse a name of an interface that two things on a host have."""
    taken = {overlay.device: f"the VXLAN interface of overlay {name}" for name, overlay in planned.items()}
    for name, overlay in planned.items():
        taken.update({tunnel.device: f"a VXLAN interface of overlay {name}" for tunnel in overlay.also_receive})
    for pod in there:
        for link in pod.network.driver.removal(pod.network, pod.overlay):
            taken.setdefault(link["name"], f"the {link['kind']} of pods with driver {pod.network.driver.name}")
    node = inventory.value(host, "overlay_node")
    dev = str(node.get("dev")) if isinstance(node, Mapping) else ""
    used = [("overlay_node.dev", dev), *underlay.interfaces(_right(inventory, host))]
    for where, name in used:
        if name in taken:
            faults.add(InvalidParameter(where, name, f"{taken[name]} has this name: give each interface its own"))
    taken.update({name: where for where, name in used})
    for pod in there:
        if pod.network.driver.cabled and pod.host_interface in taken:
            remedy = f"{taken[pod.host_interface]} has this name: give each interface its own"
            faults.add(InvalidParameter(f"{pod.where}.host_interface", pod.host_interface, remedy))


def _check_segments(host: str, there: list[Pod], taken: dict[object, tuple[str, str]], faults: Faults) -> None:
    """Refuse an address that pods of two hosts have on one segment."""
    for pod in there:
        for network, _gateway in getattr(pod.network.driver.attached(pod.network), "networks", ()):
            for where, address in pod.addresses:
                owner, place = taken.setdefault((address, network), (host, where))
                if owner != host:
                    remedy = f"{owner}: {place} has this address: give each pod one of its own"
                    faults.add(InvalidParameter(where, address, remedy), owner)


def _check_addresses(inventory: Inventory, planned: Mapping[str, Overlay], faults: Faults) -> None:
    """Refuse addresses in the underlay that two hosts have."""
    taken = {
        node.underlay: (name, "overlay_node.address")
        for overlay in planned.values()
        for name, node in overlay.nodes.items()
    }
    for host in inventory.variables:
        for where, address in underlay.addresses(_right(inventory, host)):
            owner, place = taken.setdefault(address, (host, where))
            if owner != host:
                remedy = f"{owner}: {place} has this address: give each host its own (a cloned machine?)"
                faults.at(host).add(InvalidParameter(where, address, remedy), owner)


def _right(inventory: Inventory, host: str) -> dict[str, Any]:
    """The variables of the role underlay that its argument specification allows."""
    found = inventory.variables[host]
    silent = Faults([])
    return {
        name: found[name]
        for name in ("underlay_bonds", "underlay_vlans")
        if name in found and specification.check(name, found[name], inventory.options[name], silent)
    }


def _misspelt(inventory: Inventory) -> Iterator[str]:
    """Variables that nothing reads, and that look like one that something does."""
    public = [*inventory.options, *specification.INVENTORY]
    given = {name: host for name, host in inventory.names.items() if name not in inventory.extra}
    for name, meant in specification.almost(given, public):
        yield f"{given[name]}: {name}: no role has this variable. Is {meant} meant?"
    for name, meant in specification.almost(inventory.extra, [*public, *specification.EXTRA]):
        yield f"-e {name}: nothing has this variable. Is {meant} meant?"
