# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof that a fabric works: what is probed, the table of the results, and which layer fails. Pure."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import End
from ansible_collections.weft.fabric.plugins.plugin_utils.overlay import entries
from ansible_collections.weft.fabric.plugins.plugin_utils.pods import ends

Overlays = Mapping[str, Mapping[str, Any]]
Pods = Mapping[str, Sequence[Mapping[str, Any]]]
Networks = Mapping[str, Mapping[str, Any]]
BRIDGES: Networks = MappingProxyType({})
"""No node says what its pods are connected by."""

Ends = Mapping[str, Sequence[tuple[str, End]]]

COLUMNS = ("from", "to", "rtt ms", "ttl", "pmtu", "http", "source seen", "result")
_RIGHT = ("rtt ms", "ttl", "pmtu", "http")

_ANYWHERE = ("underlay", "forwarding", "HTTP", "pod")
"""Layers whose cause may be on a host that was not looked at."""


class Target(NamedTuple):
    """One thing to reach, or not to reach.

    :ivar netns: the pod from which it is probed; empty: the host itself.
    :ivar host: the node that it is on.
    :ivar pod: the pod that it is; empty for a VTEP and an underlay address.
    :ivar kind: ``underlay``, ``VTEP`` or ``pod``.
    :ivar overlay: the name of the overlay that it is reached by; empty: what connects the pod is none.
    :ivar answers: whether it has to; False: it must not.
    """

    netns: str
    host: str
    pod: str
    kind: str
    address: str
    overlay: str
    answers: bool = True

    @property
    def name(self) -> str:
        """As the table and weft.fabric.reachability call it."""
        return f"{self.host}/{self.pod}" if self.pod else f"{self.host} {self.kind}"


def targets(host: str, overlays: Overlays, pods: Pods, networks: Networks = BRIDGES) -> list[Target]:
    """What a host proves of each overlay: from itself and from each of its pods to every pod and VTEP.

    Also from itself to every other node's underlay address, from each pod that it does not reach those of other
    overlays, and of pods that are in no overlay, what their drivers say. A pod is held to the address families that it
    has.

    :param host: a node of the overlays.
    :param overlays: their plans.
    :param pods: each node's pods.
    :param networks: each node's pods_network.
    :raises InvalidParameter: a pod is not as it should be.
    """
    there = {name: overlay for name, overlay in overlays.items() if overlay["state"] == "present"}
    nodes = next((overlay["nodes"] for overlay in there.values()), {})
    attached = {peer: ends(peer, pods.get(peer, ()), overlays, networks.get(peer, drivers.DEFAULT)) for peer in nodes}
    found = [Target("", peer, "", "underlay", nodes[peer]["underlay"], next(iter(there))) for peer in nodes]
    found = [target for target in found if target.host != host]
    for name, overlay in there.items():
        vteps = [
            Target("", peer, "", "VTEP", network["vtep"], name)
            for peer in nodes
            for network in overlay["nodes"][peer]["networks"]
            if overlay["mode"] != "direct"
        ]
        own = _pod_targets(attached, name)
        others = [
            target._replace(answers=False)
            for other in there
            if other != name
            for target in _pod_targets(attached, other)
        ]
        found += [target for target in vteps if target.host != host]
        found += own
        for end in (end for place, end in attached[host] if place == name):
            found += [
                target._replace(netns=end.pod)
                for target in (*vteps, *own, *others)
                if _spoken(target.address, end) and (target.host, target.pod) != (host, end.pod)
            ]
    return found + list(_beside(host, nodes, attached))


def _pod_targets(attached: Ends, overlay: str) -> list[Target]:
    return [
        Target("", peer, end.pod, "pod", address, overlay)
        for peer, pods in attached.items()
        for place, end in pods
        if place == overlay
        for address in end.addresses
    ]


def _spoken(address: str, end: End) -> bool:
    return values.family(address) in {values.family(own) for own in end.addresses}


def _beside(host: str, nodes: Mapping[str, Any], attached: Ends) -> Iterator[Target]:
    """What pods reach, and what they must not, by what connects those that are in no overlay."""
    hosts = {name: End(name, "", (node["underlay"],), dev=node["dev"]) for name, node in nodes.items()}
    everyone = [*hosts.values(), *(end for pods in attached.values() for _overlay, end in pods)]
    for one in (hosts[host], *(end for _overlay, end in attached[host])):
        if one.joins or (one.net and one.net.driver == "none"):
            # What is on its own loopback interface: its own server, or that of the pod whose namespace it is in.
            yield Target(one.pod, host, one.pod, "pod", "127.0.0.1", "")
        for other in everyone:
            answers = None if one is other else drivers.reaches(one, other)
            if answers is not None:
                kind = "pod" if other.pod else "underlay"
                addresses = other.addresses or hosts[other.host].addresses
                spoken = [own for own in addresses if not one.addresses or _spoken(own, one)]
                yield from (Target(one.pod, other.host, other.pod, kind, own, "", answers) for own in spoken)


def probes(host: str, overlays: Overlays, pods: Pods, port: int, networks: Networks = BRIDGES) -> list[dict[str, Any]]:
    """The targets as weft.fabric.reachability takes them.

    :param port: TCP port of the pods' echo servers.
    """
    found = targets(host, overlays, pods, networks)
    times = Counter((target.netns, target.name) for target in found)
    return [
        {
            # A probe's name is its own; in the table, the address stands beside it anyway.
            "name": f"{target.name} {target.address}" if times[target.netns, target.name] > 1 else target.name,
            "address": target.address,
            **({"netns": target.netns} if target.netns else {}),
            **({"url": _url(target.address, port)} if target.pod and target.answers else {}),
            **({"port": port} if target.pod and not target.answers else {}),
        }
        for target in found
    ]


def report(
    results: Mapping[str, Sequence[Mapping[str, Any]]],
    overlays: Overlays,
    pods: Pods,
    mtus: Mapping[str, int],
    states: Mapping[str, Mapping[str, Any]],
    networks: Networks = BRIDGES,
) -> dict[str, Any]:
    """The proof as a table, and what failed in it.

    :param results: by host, what weft.fabric.reachability returned for its probes().
    :param mtus: by host, the MTU of its underlay interface in bytes.
    :param states: by host, ``namespaces`` as weft.fabric.topology_info returned them; a host may be missing.
    :param networks: each node's pods_network.
    :returns: ``lines`` of the table, and ``failures``, each a line that names the pair, the layer and the cause. A pair
        whose other end is on a host without results, and that nothing on this side keeps from working, is unproved.
    """
    evidence = Evidence(results, overlays, pods, mtus, states, networks)
    rows = [COLUMNS]
    failures = []
    unproved = 0
    for host, target, result in evidence.pairs:
        layer, cause = evidence.judge(host, target, result)
        verdict = "ok" if target.answers else "isolated"
        if layer in _ANYWHERE and target.host not in results:
            unproved += 1
            verdict = f"unproved: {layer}"
        elif layer:
            failures.append(f"{_source(host, target)} -> {target.name} {target.address}: {layer}: {cause}")
            verdict = f"FAILED: {layer}"
        rows.append(_row(host, target, result, verdict))
    hold = len(evidence.pairs) - len(failures) - unproved
    summary = f"{hold} of {len(evidence.pairs)} pairs hold, {len(failures)} fail"
    if unproved:
        summary += f", {unproved} unproved: the other end is on a host that is not in this run"
    return {"lines": [*_table(rows), summary], "failures": failures}


class Evidence:
    """Everything that was measured, and what it says about one pair.

    The parameters are those of report().
    """

    def __init__(
        self,
        results: Mapping[str, Sequence[Mapping[str, Any]]],
        overlays: Overlays,
        pods: Pods,
        mtus: Mapping[str, int],
        states: Mapping[str, Mapping[str, Any]],
        networks: Networks,
    ) -> None:
        self.pairs = [
            (host, target, result)
            for host, measured in results.items()
            for target, result in zip(targets(host, overlays, pods, networks), measured)
        ]
        self._overlays = overlays
        self._ends = {
            host: ends(host, found, overlays, networks.get(host, drivers.DEFAULT)) for host, found in pods.items()
        }
        self._mtus = mtus
        self._states = states
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


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}/echo" if ":" in address else f"http://{address}:{port}/echo"


def _source(host: str, target: Target) -> str:
    return f"{host}/{target.netns}" if target.netns else host


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


def _row(host: str, target: Target, result: Mapping[str, Any], verdict: str) -> tuple[str, ...]:
    http = result["http"] or {}
    loss = f", {result['loss']:g} % lost" if result["loss"] and result["received"] else ""
    cells = (
        _source(host, target),
        f"{target.name} {target.address}",
        f"{result['rtt']['avg']:.3f}" if result["rtt"] else None,
        result["ttl"],
        result["pmtu"],
        http.get("status"),
        http.get("source"),
        verdict + loss,
    )
    return tuple("-" if cell is None else str(cell) for cell in cells)


def _table(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows)]
    aligned = [
        [cell.rjust(width) if name in _RIGHT else cell.ljust(width) for name, cell, width in zip(COLUMNS, row, widths)]
        for row in rows
    ]
    return ["  ".join(row).rstrip() for row in aligned]
