# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof that a fabric works: what is probed. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import End
from ansible_collections.weft.fabric.plugins.plugin_utils.pods import ends

Overlays = Mapping[str, Mapping[str, Any]]
Pods = Mapping[str, Sequence[Mapping[str, Any]]]
Networks = Mapping[str, Mapping[str, Any]]
BRIDGES: Networks = MappingProxyType({})
"""No node says what its pods are connected by."""

Ends = Mapping[str, Sequence[tuple[str, End]]]

SCOPES = ("auto", "sample", "all")
"""Which nodes a node probes: ``all``, a ``sample`` of them, or with ``auto`` all where there are few."""

FEW_NODES = 20
"""So many nodes at most are all probed with ``auto``: the pairs of all grow with the square of the nodes."""


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


def peers(host: str, nodes: Sequence[str], scope: str) -> list[str]:
    """The nodes that a node probes, itself among them.

    A sample is the node's two neighbours in the order of numbers, the last beside the first, and the one half-way
    round, which is seldom on the same segment. So each node probes the same ones that it is probed by, and their number
    does not grow.

    :param nodes: all, in the order of their numbers.
    :param scope: one of SCOPES.
    """
    if scope == "all" or (scope == "auto" and len(nodes) <= FEW_NODES):
        return list(nodes)
    here, half = nodes.index(host), len(nodes) // 2
    chosen = {(here + step) % len(nodes) for step in (-half, -1, 0, 1, half)}
    return [nodes[at] for at in sorted(chosen)]


def targets(
    host: str, overlays: Overlays, pods: Pods, networks: Networks = BRIDGES, scope: str = "all"
) -> list[Target]:
    """What a host proves of each overlay: from itself and from each of its pods to every pod and VTEP of its peers().

    Also from itself to every other peer's underlay address, from each pod that it does not reach those of other
    overlays, and of pods that are in no overlay, what their drivers say. A pod is held to the address families that it
    has.

    :param host: a node of the overlays.
    :param overlays: their plans.
    :param pods: each node's pods.
    :param networks: each node's pods_network.
    :param scope: one of SCOPES.
    :raises InvalidParameter: a pod is not as it should be.
    """
    names = peers(host, node_names(overlays), values.choice("verify_scope", scope, SCOPES))
    return targets_of(host, overlays, attach(names, overlays, pods, networks))


def node_names(overlays: Overlays) -> list[str]:
    """All nodes, in the order of their numbers: all overlays have the same."""
    return next((list(overlay["nodes"]) for overlay in overlays.values() if overlay["state"] == "present"), [])


def attach(names: Iterable[str], overlays: Overlays, pods: Pods, networks: Networks) -> Ends:
    """The pods of nodes, as ends of pairs."""
    return {name: ends(name, pods.get(name, ()), overlays, networks.get(name, drivers.DEFAULT)) for name in names}


def targets_of(host: str, overlays: Overlays, attached: Ends) -> list[Target]:
    """The targets of a host.

    :param attached: the pods of each node that it probes.
    """
    there = {name: overlay for name, overlay in overlays.items() if overlay["state"] == "present"}
    first = next(iter(there))
    nodes = {peer: there[first]["nodes"][peer] for peer in attached}
    found = [Target("", peer, "", "underlay", nodes[peer]["underlay"], first) for peer in nodes]
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


def probes(
    host: str, overlays: Overlays, pods: Pods, port: int, networks: Networks = BRIDGES, scope: str = "all"
) -> list[dict[str, Any]]:
    """The targets as weft.fabric.reachability takes them.

    :param port: TCP port of the pods' echo servers.
    """
    found = targets(host, overlays, pods, networks, scope)
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


def _url(address: str, port: int) -> str:
    return f"http://[{address}]:{port}/echo" if ":" in address else f"http://{address}:{port}/echo"
