# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured between the ends of a fabric, and which layer fails where a pair does not hold. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.plugin_utils.overlay import entries
from ansible_collections.weft.fabric.plugins.plugin_utils.proof import (
    Networks,
    Overlays,
    Pods,
    Target,
    attach,
    node_names,
    peers,
    targets_of,
)


class Evidence:
    """Everything that was measured, and what it says about one pair.

    The parameters are those of report.report().
    """

    def __init__(
        self,
        results: Mapping[str, Sequence[Mapping[str, Any]]],
        overlays: Overlays,
        pods: Pods,
        mtus: Mapping[str, int],
        states: Mapping[str, Mapping[str, Any]],
        networks: Networks,
        scope: str,
    ) -> None:
        nodes = node_names(overlays)
        self._overlays = overlays
        self._ends = attach(nodes, overlays, pods, networks)
        self.pairs = [
            (host, target, result)
            for host, measured in results.items()
            for target, result in zip(
                targets_of(host, overlays, {peer: self._ends[peer] for peer in peers(host, nodes, scope)}), measured
            )
        ]
        self._mtus = mtus
        self._states = {host: found for host, found in states.items() if found}
        self._deaf = {
            (host, target.host): result["error"]
            for host, target, result in self.pairs
            if target.kind == "underlay" and not target.netns and not result["received"]
        }

    def judge(self, host: str, target: Target, result: Mapping[str, Any]) -> tuple[str, str]:
        """The layer that fails between a host and a target, and why; both empty if none does."""
        if not target.answers:
            answers = result["received"] or result["tcp"] in ("open", "refused")
            cause = f"a pod of overlay {target.overlay} answers one of another"
            return ("isolation", cause if target.overlay else "it answers, and must not") if answers else ("", "")
        if not target.overlay:
            return ("", "") if result["reachable"] else ("pod", result["error"])
        if not result["received"]:
            return next(self._causes(host, target, result))
        nodes = self._overlays[target.overlay]["nodes"]
        ends = [node for node in (host, target.host) if node in self._mtus]
        mtu = min((self._mtus[node] - nodes[node]["mtu_overhead"] for node in ends), default=0)
        if target.kind != "underlay" and result["pmtu"] is not None and result["pmtu"] < mtu:
            return "MTU", f"packets beyond {result['pmtu']} bytes do not arrive, the overlay's MTU is {mtu}"
        if not result["reachable"]:
            return "HTTP", result["error"]
        seen = result["http"] and result["http"]["source"]
        if seen and seen != result["source"]:
            return "NAT", f"sent from {result['source']}, but the server saw {seen}"
        return "", ""

    def _causes(self, host: str, target: Target, result: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """What can keep echo replies away, lowest layer first; the last one is what remains."""
        if target.kind == "underlay":
            yield "underlay", result["error"]
        for near, far in ((host, target.host), (target.host, host)):
            if (near, far) in self._deaf:
                address = self._overlays[target.overlay]["nodes"][far]["underlay"]
                yield "underlay", f"{near} does not reach {far} at {address}: {self._deaf[near, far]}"
        if host != target.host:
            yield from self._way(host, target.host, target)
            yield from self._way(target.host, host, target)
        for node, pod in ((host, target.netns), (target.host, target.pod)):
            if pod:
                yield from self._pod(node, pod, target)
        yield (
            "forwarding",
            (
                f"{result['error']}; links, entries and routes are as planned: look at ip_forward, rp_filter and the "
                f"firewall's FORWARD policy on {' and '.join(dict.fromkeys((host, target.host)))}"
            ),
        )

    def _way(self, near: str, far: str, target: Target) -> Iterator[tuple[str, str]]:
        """What one end lacks to send to the other, in the family of a target."""
        state = self._states.get(near, {}).get("")
        if state is None:
            return
        overlay = self._overlays[target.overlay]
        needed = entries(overlay["nodes"], near, far)
        if needed["fdb"]:
            device, mac = overlay["device"], overlay["nodes"][near]["mac_address"]
            link = _find(state, "links", name=device)
            if not link or link["admin_state"] != "up":
                yield "link", f"{near} has no {device} that is up"
            if link and link["mac_address"] != mac:
                yield "link", f"{device} of {near} has MAC {link['mac_address']}, not {mac}"
        for section, layer in (("fdb", "FDB"), ("neighbours", "neighbour"), ("routes", "route")):
            for entry in needed[section]:
                if section != "fdb" and values.family(entry["dst"]) != values.family(target.address):
                    continue
                wanted = {key: value for key, value in entry.items() if key != "onlink"}
                if not _find(state, section, **wanted):
                    told = " ".join(f"{key} {value}" for key, value in wanted.items())
                    yield layer, f"{near} lacks the {layer} entry to {far} ({told})"

    def _pod(self, node: str, name: str, target: Target) -> Iterator[tuple[str, str]]:
        """What a pod lacks to be reached, in the family of a target."""
        if node not in self._states:
            return
        state = self._states[node].get(name)
        if state is None:
            yield "link", f"{node} has no namespace {name}"
            return
        state = self._states[node][state["joins"]] if "joins" in state else state
        family = values.family(target.address)
        addresses = {end.pod: end.addresses for _overlay, end in self._ends[node]}
        for own in addresses[name]:
            if values.family(own) == family and not _holds(state, own):
                yield "link", f"{node}/{name} has no interface with {own} that is up"
        for network in self._overlays[target.overlay]["nodes"][node]["networks"]:
            gateway = network["gateway"]
            if values.family(gateway) != family:
                continue
            if not _holds(self._states[node][""], gateway):
                yield "link", f"{node} has no interface with {gateway} that is up"
            if not _find(state, "routes", dst=_default(gateway), via=gateway):
                yield "route", f"{node}/{name} lacks the default route via {gateway}"


def _default(gateway: str) -> str:
    return "::/0" if ":" in gateway else "0.0.0.0/0"


def _holds(state: Mapping[str, Any], address: str) -> bool:
    """Whether an interface of a namespace has this address and is up."""
    return any(
        _find(state, "links", name=entry["dev"], admin_state="up")
        for entry in state.get("addresses", ())
        if ipaddress.ip_interface(entry["address"]).ip == ipaddress.ip_address(address)
    )


def _find(state: Mapping[str, Any], section: str, **wanted: Any) -> Mapping[str, Any] | None:
    """The first entry of a section of one namespace that has these values."""
    return next((entry for entry in state.get(section, ()) if wanted.items() <= dict(entry).items()), None)
