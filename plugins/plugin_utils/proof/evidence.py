# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that was measured in a fabric, and the state of its hosts, for the checks to look into."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import End
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.target import UNDERLAY, Pair, Target

Entry = Mapping[str, Any]


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
class Evidence:
    """Everything that was measured.

    :ivar ends: by host, its pods.
    :ivar mtus: by host, the MTU of its underlay interface in bytes.
    :ivar states: by host, its namespaces by name. Hosts that were not looked at are missing.
    :ivar deaf: (from, to): why a node does not reach another in the underlay.
    """

    fabric: Fabric
    ends: Mapping[str, Sequence[End]]
    mtus: Mapping[str, int]
    states: Mapping[str, Mapping[str, State]]
    deaf: Mapping[tuple[str, str], str]

    def overlay(self, target: Target) -> Overlay:
        """The overlay that leads to a target."""
        return self.fabric.overlays[target.overlay]

    def state(self, host: str, netns: str = "") -> State | None:
        """The state of a host's namespace. None: the host was not looked at, or has no such namespace."""
        found = self.states.get(host, {}).get(netns)
        return self.states[host][found.joins] if found and found.joins is not None else found


def gather(
    fabric: Fabric,
    ends: Mapping[str, Sequence[End]],
    pairs: Sequence[Pair],
    mtus: Mapping[str, int],
    states: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> Evidence:
    """The evidence of what was measured.

    :param ends: by host, its pods.
    :param mtus: by host, the MTU of its underlay interface in bytes.
    :param states: by host, ``namespaces`` of weft.fabric.topology_info. A host may be missing, or have none.
    """
    deaf = {
        (pair.host, pair.target.host): str(pair.result.error)
        for pair in pairs
        if pair.target.kind == UNDERLAY and not pair.target.netns and not pair.result.received
    }
    known = {
        host: {name: _state(found) for name, found in namespaces.items()}
        for host, namespaces in states.items()
        if namespaces
    }
    return Evidence(fabric, ends, mtus, known, deaf)


def both_ways(pair: Pair) -> Iterator[tuple[str, str]]:
    """(near, far) of a pair, there and back. Within one host nothing is on the way."""
    if pair.host != pair.target.host:
        yield pair.host, pair.target.host
        yield pair.target.host, pair.host


def pods(pair: Pair) -> Iterator[tuple[str, str]]:
    """(host, name) of the pods at the ends of a pair."""
    for host, name in ((pair.host, pair.target.netns), (pair.target.host, pair.target.pod)):
        if name:
            yield host, name
