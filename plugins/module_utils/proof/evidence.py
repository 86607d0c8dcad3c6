# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was measured in a fabric, and the state of its hosts, for the checks to look into."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.proof.planned import Overlay
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import UNDERLAY, VTEP, End, Pair, Target

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Reported:
    """What the hosts of a run reported.

    :ivar results: by host, what weft.fabric.reachability returned for its probes.
    :ivar mtus: by host, the MTU of its underlay interface in bytes. A host that is missing is not held to any.
    :ivar states: by host, ``namespaces`` of weft.fabric.topology_info. A host may be missing.
    :ivar before: by host, ``counters`` of weft.fabric.reachability: packets of interfaces before the probes.
    :ivar obstacles: by host, what weft.fabric.obstacles_info returned after the probes. A host may be missing.
    :ivar protections: by host, the tables of this collection that drop packets there. A host may be missing.
    """

    results: Mapping[str, Sequence[Mapping[str, Any]]]
    mtus: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    obstacles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    protections: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class State:
    """The state of a namespace, as weft.fabric.topology_info returned it.

    :ivar joins: the namespace that it is another name of. None: it is none.
    """

    links: Sequence[Entry] = ()
    addresses: Sequence[Entry] = ()
    fdb: Sequence[Entry] = ()
    neighbours: Sequence[Entry] = ()
    routes: Sequence[Entry] = ()
    joins: str | None = None

    def link(self, name: str) -> Entry | None:
        """A link by its name."""
        return next((link for link in self.links if link["name"] == name), None)

    def has(self, section: str, wanted: Entry) -> bool:
        """Whether a section has an entry with these values."""
        return any(all(entry.get(key) == value for key, value in wanted.items()) for entry in getattr(self, section))

    def holds(self, address: str) -> bool:
        """Whether an interface that is up has this address."""
        wanted = ipaddress.ip_address(address)
        names = [entry["dev"] for entry in self.addresses if ipaddress.ip_interface(entry["address"]).ip == wanted]
        return any(self.has("links", {"name": name, "admin_state": "up"}) for name in names)


def _state(found: Mapping[str, Any]) -> State:
    known = State.__dataclass_fields__
    return State(**{key: value for key, value in found.items() if key in known})


@dataclass(frozen=True)
class Obstacles:
    """What can keep packets from getting through a host, as weft.fabric.obstacles_info returned it.

    :ivar chains: those that drop packets.
    :ivar forwarding: whether the host forwards, by ``ipv4`` and ``ipv6``.
    :ivar counters: by interface, packets ``received``, ``sent`` and ``dropped`` since just before the probes.
    """

    chains: Sequence[Entry]
    forwarding: Mapping[str, bool]
    counters: Mapping[str, Mapping[str, int]]

    def dropping(self, hooks: Sequence[str], address: str) -> list[str]:
        """The chains that drop packets of an address's family, by the order of hooks.

        Where a chain drops all packets, others are left out: they often drop invalid packets alone.
        """
        families = ("inet", "ip6" if ":" in address else "ip")
        there = [chain for chain in self.chains if chain["family"] in families and chain["hook"] in hooks]
        there.sort(key=lambda chain: hooks.index(chain["hook"]))
        chosen = [chain for chain in there if chain["all"]] or there
        return list(dict.fromkeys(f"table {one['family']} {one['table']}, chain {one['chain']}" for one in chosen))


@dataclass(frozen=True)
class Evidence:
    """Everything that was measured.

    :ivar overlays: those that are present, by name.
    :ivar ends: by host, its pods.
    :ivar mtus: by host, the MTU of its underlay interface in bytes.
    :ivar states: by host, its namespaces by name. Hosts that were not looked at are missing.
    :ivar obstacles: by host. Hosts that were not looked at are missing.
    :ivar deaf: (from, to): why a node does not reach another in the underlay.
    :ivar mute: (from, to, overlay): the nodes whose VTEPs do not answer others.
    """

    overlays: Mapping[str, Overlay]
    ends: Mapping[str, Sequence[End]]
    mtus: Mapping[str, int]
    states: Mapping[str, Mapping[str, State]]
    obstacles: Mapping[str, Obstacles]
    deaf: Mapping[tuple[str, str], str]
    mute: Collection[tuple[str, str, str]]

    def overlay(self, target: Target) -> Overlay:
        """The overlay that leads to a target."""
        return self.overlays[target.overlay]

    def state(self, host: str, netns: str = "") -> State | None:
        """The state of a host's namespace. None: the host was not looked at, or has no such namespace."""
        found = self.states.get(host, {}).get(netns)
        return self.states[host][found.joins] if found and found.joins is not None else found


def gather(
    overlays: Mapping[str, Overlay],
    ends: Mapping[str, Sequence[End]],
    pairs: Sequence[Pair],
    reported: Reported,
) -> Evidence:
    """The evidence of what was measured.

    :param overlays: those that are present, by name.
    :param ends: by host, its pods.
    :param pairs: with their results.
    """
    deaf = {
        (pair.host, pair.target.host): str(pair.result.error)
        for pair in pairs
        if pair.target.kind == UNDERLAY and not pair.target.netns and not pair.result.received
    }
    mute = {
        (pair.host, pair.target.host, pair.target.overlay)
        for pair in pairs
        if pair.target.kind == VTEP and not pair.target.netns and not pair.result.received
    }
    known = {
        host: {name: _state(found) for name, found in namespaces.items()}
        for host, namespaces in reported.states.items()
        if namespaces
    }
    obstacles = {host: _obstacles(reported.before[host], found) for host, found in reported.obstacles.items()}
    return Evidence(overlays, ends, reported.mtus, known, obstacles, deaf, mute)


def _obstacles(before: Mapping[str, Any], found: Mapping[str, Any]) -> Obstacles:
    grown = {
        name: {key: figure - before[name][key] for key, figure in figures.items()}
        for name, figures in found["counters"].items()
        if name in before
    }
    return Obstacles(found["chains"], found["forwarding"], grown)


def both_ways(pair: Pair) -> Iterator[tuple[str, str]]:
    """(near, far) of a pair, there and back. Within one host nothing is on the way."""
    if pair.host != pair.target.host:
        yield pair.host, pair.target.host
        yield pair.target.host, pair.host


def hosts(pair: Pair) -> list[str]:
    """The hosts at the ends of a pair: one, or two."""
    return list(dict.fromkeys((pair.host, pair.target.host)))


def forwarders(pair: Pair) -> list[str]:
    """The hosts that forward the packets of a pair in an overlay: those whose pods talk to another host."""
    if pair.host == pair.target.host:
        return []
    return [host for host, name in pods(pair)]


def pods(pair: Pair) -> Iterator[tuple[str, str]]:
    """(host, name) of the pods at the ends of a pair."""
    for host, name in ((pair.host, pair.target.netns), (pair.target.host, pair.target.pod)):
        if name:
            yield host, name
