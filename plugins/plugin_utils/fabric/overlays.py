# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All overlays of a fabric, planned and kept apart from each other."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric import networks, nodes
from ansible_collections.weft.fabric.plugins.plugin_utils.model.faults import STOP, Faults
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import MODES, Node, Overlay, Tunnel

KEYS = ("name", "cidr", "node_prefix", "vni", "port", "device", "mode", "bridge", "also_receive")
_TUNNEL = ("device", "vni", "port")

_RULES: Mapping[str, tuple[Any, ...]] = {
    "name": (values.text,),
    "state": (values.choice, ("present", "absent")),
    "vni": (values.vni,),
    "port": (values.port,),
    "device": (values.ifname,),
    "mode": (values.choice, MODES),
    "bridge": (values.ifname,),
}


def plan(
    overlays: object, listed: nodes.Listing, defaults: Mapping[str, Any], faults: Faults = STOP
) -> dict[str, Overlay]:
    """Plan all overlays of the same nodes.

    :param overlays: a list. Each has a ``name``, and may have ``cidr``, ``node_prefix``, ``vni``, ``port``, ``device``,
        ``mode`` and ``bridge``, the name of its pods' bridge.
    :param listed: the nodes.
    :param defaults: the values of overlays that have none of their own. With state absent, all overlays are absent.
    :returns: the overlays by name. An overlay with faults has no nodes.
    """
    if not isinstance(overlays, (list, tuple)) or not overlays:
        faults.add(InvalidParameter("overlay_overlays", overlays, "give a list of {name, cidr, vni, device, bridge}"))
        return {}
    planned: dict[str, Overlay] = {}
    holders: dict[tuple[str, object], str] = {}
    for index, item in enumerate(overlays):
        where = f"overlay_overlays[{index}]"
        if not isinstance(item, Mapping):
            faults.add(InvalidParameter(where, item, "give a dictionary with at least a name"))
            continue
        one = _Listed(where, item, {**defaults, **item, "state": defaults["state"]}, faults)
        overlay, prefixes = one.parsed(), one.prefixes()
        if overlay is None:
            planned.setdefault(str(one.complete.get("name")), one.unknown())
            continue
        overlay = replace(overlay, cidrs=tuple(map(str, prefixes)), nodes=one.nodes(overlay, listed, prefixes))
        one.refuse_duplicates(overlay, holders)
        one.refuse_overlapping(overlay, planned)
        planned.setdefault(overlay.name, overlay)
    return planned


@dataclass(frozen=True)
class _Listed:
    """An overlay as the inventory lists it.

    :ivar where: the variable with index, for messages.
    :ivar item: its own values.
    :ivar complete: the same with the defaults of those that it has not.
    """

    where: str
    item: Mapping[str, Any]
    complete: Mapping[str, Any]
    faults: Faults

    def name(self, key: str) -> str:
        """The variable that a value is from."""
        if key.partition("[")[0] in self.item or key == "name":
            return f"{self.where}.{key}"
        return "pods_bridge" if key == "bridge" else f"overlay_{key}"

    def refuse(self, key: str, value: object, remedy: str) -> None:
        """Report a fault."""
        self.faults.add(InvalidParameter(self.name(key), value, remedy))

    def parsed(self) -> Overlay | None:
        """The overlay without its networks and nodes; None: it has faults."""
        for key in self.item:
            if key not in KEYS:
                self.refuse(key, self.item[key], f"an overlay takes only {', '.join(KEYS)}")
        found = {
            key: self.faults.check(rule, self.name(key), self.complete.get(key), *more)
            for key, (rule, *more) in _RULES.items()
        }
        known = {key: value for key, value in found.items() if value is not None}
        tunnels = self.tunnels()
        return Overlay(**known, also_receive=tunnels) if len(known) == len(_RULES) and tunnels is not None else None

    def tunnels(self) -> tuple[Tunnel, ...] | None:
        """The further VXLANs by which it receives; None: they have faults."""
        given = self.complete.get("also_receive") or []
        if not isinstance(given, (list, tuple)):
            self.refuse("also_receive", given, "give a list of {device, vni, port}")
            return None
        found = [self._tunnel(f"{self.name('also_receive')}[{index}]", item) for index, item in enumerate(given)]
        right = tuple(tunnel for tunnel in found if tunnel is not None)
        return right if len(right) == len(found) else None

    def _tunnel(self, where: str, item: object) -> Tunnel | None:
        """A further VXLAN, with the overlay's own VNI and port unless it has others; None: it has faults."""
        unknown = [key for key in item if key not in _TUNNEL] if isinstance(item, Mapping) else [item]
        if not isinstance(item, Mapping) or unknown:
            self.faults.add(InvalidParameter(where, unknown[0], f"give a dictionary of {', '.join(_TUNNEL)}"))
            return None
        complete = {**self.complete, "device": None, **item}
        device, vni, port = (self.faults.check(_RULES[key][0], f"{where}.{key}", complete[key]) for key in _TUNNEL)
        return None if device is None or vni is None or port is None else Tunnel(device, vni, port)

    def unknown(self) -> Overlay:
        """An overlay in place of one with faults, for pods that name it."""
        return Overlay(str(self.complete.get("name")), "present", 0, 0, "", MODES[0], "")

    def prefixes(self) -> dict[networks.Network, int]:
        """The overlay's networks, each with the prefix length of a node's pod subnet; none if they have faults."""
        if self.complete["state"] == "absent":
            return {}
        cidrs = self.faults.check(networks.parse, self.complete["cidr"], self.name("cidr"))
        if cidrs is None:
            return {}
        given = self.complete["node_prefix"]
        return self.faults.check(networks.prefixes, cidrs, given, self.name("node_prefix")) or {}

    def nodes(
        self, overlay: Overlay, listed: nodes.Listing, prefixes: Mapping[networks.Network, int]
    ) -> dict[str, Node]:
        """The overlay's nodes."""
        if not prefixes:
            return {}
        planned = nodes.place(listed, prefixes, overlay.vni, overlay.mode)
        if overlay.mode == "direct":
            self.faults.check(nodes.refuse_unroutable, planned, prefixes, self.name("cidr"))
        return planned

    def refuse_duplicates(self, overlay: Overlay, holders: dict[tuple[str, object], str]) -> None:
        """Refuse a name, an interface, or a VNI and port that another overlay has."""
        unique: list[tuple[str, str, object]] = [
            ("name", "name", overlay.name),
            ("device", "interface", overlay.device),
            ("bridge", "interface", overlay.bridge),
        ]
        if overlay.present:
            unique.append(("vni", "vni", (overlay.vni, overlay.port)))
        for index, tunnel in enumerate(overlay.also_receive):
            unique.append((f"also_receive[{index}].device", "interface", tunnel.device))
            unique.append((f"also_receive[{index}].vni", "vni", (tunnel.vni, tunnel.port)))
        for key, kind, value in unique:
            own = f"{self.where}.{key}"
            other = holders.setdefault((kind, value), own)
            if other != own:
                shown = value[0] if isinstance(value, tuple) else value
                self.refuse(key, shown, f"{other} is the same: give each its own")

    def refuse_overlapping(self, overlay: Overlay, others: Mapping[str, Overlay]) -> None:
        """Refuse a network that overlaps another overlay's."""
        for cidr in overlay.cidrs:
            network = ipaddress.ip_network(cidr)
            for name, other in others.items():
                for taken in map(ipaddress.ip_network, other.cidrs):
                    if taken.version == network.version and taken.overlaps(network):
                        self.refuse("cidr", cidr, f"overlay {name} has {taken}: keep the two apart")
