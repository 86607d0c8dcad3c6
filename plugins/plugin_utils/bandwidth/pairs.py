# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pairs of ends to measure between."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import DRIVERS
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import End
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric

_TUNNEL, _DIRECT = "vxlan", "direct"

WAYS = (*(name for name, driver in DRIVERS.items() if driver.compared), _TUNNEL, _DIRECT)
"""What is compared with the underlay, in the order of the table: drivers, and the two ways between nodes."""

UNDERLAY = "underlay"


@dataclass(frozen=True)
class Spot:
    """An end of a pair."""

    host: str
    pod: str
    address: str


@dataclass(frozen=True)
class Pair:
    """Two ends to measure between.

    :ivar unavailable: why it cannot be measured. Empty: it can.
    :ivar from_: None, like ``to``: there are no such pods.
    """

    name: str
    from_: Spot | None
    to: Spot | None
    unavailable: str = ""

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(spot.host for spot in (self.from_, self.to) if spot)


@dataclass(frozen=True)
class Host:
    """A host of the run.

    :ivar namespaces: the names of those that exist.
    :ivar lacks: the kinds of link that its kernel does not have.
    """

    namespaces: tuple[str, ...]
    lacks: tuple[str, ...]


def plan(fabric: Fabric, given: Sequence[object] | None, hosts: Mapping[str, Host]) -> list[Pair]:
    """The pairs, those of the underlay first.

    :param given: ``{name, from, to}``, each end a node or ``node/pod``. None: one pair for each way that the pods have.
    :param hosts: the hosts of the run.
    :raises InvalidParameter: for the first fault.
    """
    ends = {node: fabric.ends(node) for node in fabric.nodes}
    if given is None:
        found = list(_derived(fabric, ends))
    else:
        known = {node: {"": fabric.itself(node), **{end.pod: end for end in ends[node]}} for node in ends}
        found = [_given(f"bandwidth_pairs[{index}]", pair, known, fabric) for index, pair in enumerate(given)]
    bases = _bases(fabric, found)
    names: dict[str, int] = {}
    for index, pair in enumerate([*bases, *found]):
        if names.setdefault(pair.name, index) != index:
            where = f"bandwidth_pairs[{index - len(bases)}].name"
            raise InvalidParameter(where, pair.name, "another pair has it too: give each its own")
    return [_standing(pair, hosts) for pair in [*bases, *found]]


def _bases(fabric: Fabric, found: Sequence[Pair]) -> list[Pair]:
    """The pairs of the underlay that others are compared with."""
    nodes = list(fabric.nodes)
    across = list(dict.fromkeys(tuple(sorted(pair.hosts)) for pair in found if len(pair.hosts) == 2))
    if not across and len(nodes) > 1:
        across = [tuple(sorted(nodes)[:2])]
    return [
        Pair(
            UNDERLAY if len(across) == 1 else f"{UNDERLAY} {one} {other}",
            _spot(fabric.itself(one), fabric),
            _spot(fabric.itself(other), fabric),
        )
        for one, other in across
    ]


def _derived(fabric: Fabric, ends: Mapping[str, Sequence[End]]) -> Iterator[Pair]:
    """For each way the first pair that takes it. Drivers inside a node are measured there, without anything else."""
    everyone = [end for of_one in ends.values() for end in of_one if not end.joins]
    pairs: dict[str, Pair] = {}
    for one, other in itertools.combinations(everyone, 2):
        way = _way(fabric, one, other)
        if way:
            pairs.setdefault(way, Pair(way, _spot(one, fabric), _spot(other, fabric)))
    return (pairs.get(way, Pair(way, None, None)) for way in WAYS)


def _way(fabric: Fabric, one: End, other: End) -> str:
    """The way that a pair of pods is an example of. Empty: none."""
    if one.network is None or other.network is None or one.overlay != other.overlay:
        return ""
    driver = one.network.driver
    if driver is not other.network.driver:
        return ""
    if driver.in_overlay and one.host != other.host:
        entries = fabric.overlays[one.overlay].entries(one.host, other.host)
        return _TUNNEL if entries.fdb else _DIRECT
    return driver.name if driver.compared and driver.compared(one, other) else ""


def _given(where: str, pair: object, known: Mapping[str, Mapping[str, End]], fabric: Fabric) -> Pair:
    if not isinstance(pair, Mapping) or not {"from", "to"} <= pair.keys() <= {"name", "from", "to"}:
        raise InvalidParameter(where, pair, "give from and to, each a node or node/pod, and perhaps a name")
    found = {}
    for key in ("from", "to"):
        host, _slash, pod = str(pair[key]).partition("/")
        if host not in known:
            raise InvalidParameter(f"{where}.{key}", pair[key], f"the nodes are {', '.join(known)}")
        if pod not in known[host]:
            told = ", ".join(filter(None, known[host])) or "none"
            raise InvalidParameter(f"{where}.{key}", pair[key], f"the pods of {host} are {told}")
        end = found[key] = known[host][pod]
        if not end.addresses and not end.at_host:
            raise InvalidParameter(f"{where}.{key}", pair[key], "this pod has no address")
    if found["from"] == found["to"]:
        raise InvalidParameter(f"{where}.to", pair["to"], "it is where the pair begins: give another end")
    name = str(pair.get("name", f"{pair['from']} {pair['to']}"))
    return Pair(name, _spot(found["from"], fabric), _spot(found["to"], fabric))


def _spot(end: End, fabric: Fabric) -> Spot:
    # A pod in the host's namespace has its host's address.
    return Spot(end.host, end.pod, (end.addresses or fabric.itself(end.host).addresses)[0])


def _standing(pair: Pair, hosts: Mapping[str, Host]) -> Pair:
    """The pair with the reason why it cannot be measured, if there is one."""
    kind = DRIVERS[pair.name].kind if pair.name in DRIVERS else ""
    for host in sorted(pair.hosts) or hosts:
        if kind and host in hosts and kind in hosts[host].lacks:
            return replace(pair, unavailable=f"the kernel of {host} has no links of kind {kind}")
    if pair.from_ is None or pair.to is None:
        return replace(pair, unavailable="no two pods of the inventory are connected this way")
    for spot in (pair.from_, pair.to):
        if spot.host not in hosts:
            return replace(pair, unavailable=f"{spot.host} is not in this run")
        if spot.pod and spot.pod not in hosts[spot.host].namespaces:
            return replace(pair, unavailable=f"{spot.host} has no namespace {spot.pod}: run weft.fabric.site first")
    return pair
