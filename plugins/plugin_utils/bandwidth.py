# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What pods are connected by, compared: which pairs are measured in which order, and the table and plot of it. Pure."""

from __future__ import annotations

import html
import itertools
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.plugin_utils import drivers
from ansible_collections.weft.fabric.plugins.plugin_utils.drivers import End
from ansible_collections.weft.fabric.plugins.plugin_utils.figures import bar_chart, page, text
from ansible_collections.weft.fabric.plugins.plugin_utils.overlay import entries
from ansible_collections.weft.fabric.plugins.plugin_utils.pods import ends

PROTOCOLS = ("tcp", "udp")
DIRECTIONS = {"there": [], "back": ["--reverse"]}
"""iperf3's options, by what a direction is called: from the pair's first end to its second, and back."""

WAYS = ("host", "bridge", "ptp", "macvlan", "ipvlan", "fan", "vxlan", "direct")
"""What is compared with the underlay, in the order of the table."""

KINDS = {"macvlan": "macvlan", "ipvlan": "ipvlan", "fan": "ipip"}
"""The kind of link that a way needs, where a kernel may come without it and still carry an overlay."""

_UNDERLAY = "underlay"
_NAMES = ("pair", "from", "to")


class Pair(NamedTuple):
    """Two ends to measure between.

    :ivar reason: why it cannot be measured; empty: it can. Without ends there are no such pods.
    """

    name: str
    one: End | None
    other: End | None
    reason: str = ""

    @property
    def hosts(self) -> frozenset[str]:
        return frozenset(end.host for end in (self.one, self.other) if end)


class Sample(NamedTuple):
    """What arrived in one run of iperf3; of TCP, nothing is lost and there is no jitter.

    :ivar bits: per second.
    :ivar lost: datagrams, in percent.
    :ivar jitter: in milliseconds (RFC 3550, section 6.4.1).
    """

    bits: float
    lost: float | None = None
    jitter: float | None = None


# -- what is measured ------------------------------------------------------------------------------


def plan(
    overlays: Mapping[str, Mapping[str, Any]],
    pods: Mapping[str, Sequence[Mapping[str, Any]]],
    networks: Mapping[str, Mapping[str, Any]],
    given: Sequence[Mapping[str, Any]] | None,
    hosts: Mapping[str, Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """The pairs, those of the underlay first.

    :param overlays: the plans of all overlays.
    :param pods: each node's pods.
    :param networks: each node's pods_network.
    :param given: ``{name, from, to}``, each end a node or ``node/pod``; None: one pair for each way that the pods have.
    :param hosts: of each host of this run ``namespaces``, those that are there, and ``lacks``, the kinds of link that
        its kernel does not have.
    :returns: each ``{name, from, to, unavailable}``, an end being ``{host, pod, address}``.
    :raises InvalidParameter: for the first pair that is wrong.
    """
    nodes: Mapping[str, Any] = next((item["nodes"] for item in overlays.values() if item["state"] == "present"), {})
    attached = {node: ends(node, pods.get(node, ()), overlays, networks.get(node, drivers.DEFAULT)) for node in nodes}
    itself = {node: End(node, "", (entry["underlay"],), dev=entry["dev"]) for node, entry in nodes.items()}
    if given is None:
        found = [*_derived(overlays, attached)]
    else:
        known = {node: {"": itself[node], **{end.pod: end for _overlay, end in attached[node]}} for node in nodes}
        found = [_given(f"bandwidth_pairs[{index}]", pair, known) for index, pair in enumerate(given)]
    across = list(dict.fromkeys(tuple(sorted(pair.hosts)) for pair in found if len(pair.hosts) == 2))
    if not across and len(nodes) > 1:
        across = [tuple(sorted(nodes)[:2])]
    bases = [Pair(_base(nodes, across), itself[nodes[0]], itself[nodes[1]]) for nodes in across]
    names: dict[str, int] = {}
    for index, pair in enumerate([*bases, *found]):
        if names.setdefault(pair.name, index) != index:
            where = f"bandwidth_pairs[{index - len(bases)}].name"
            raise InvalidParameter(where, pair.name, "another pair has it too: give each its own")
    return [_described(_standing(pair, hosts), itself) for pair in [*bases, *found]]


def _base(nodes: Sequence[str], across: Sequence[Sequence[str]]) -> str:
    return _UNDERLAY if len(across) == 1 else f"{_UNDERLAY} {' '.join(nodes)}"


def _derived(
    overlays: Mapping[str, Mapping[str, Any]], attached: Mapping[str, Sequence[tuple[str, End]]]
) -> Iterator[Pair]:
    """For each way the first pair that goes by it; drivers of one node within it, so that they alone are measured."""
    everyone = [item for of_one in attached.values() for item in of_one]
    ways: dict[str, Pair] = {}
    for (overlay, one), (same, other) in itertools.combinations(everyone, 2):
        if not one.joins and not other.joins and (way := _way(overlays, overlay, one, same, other)):
            ways.setdefault(way, Pair(way, one, other))
    return (ways.get(way, Pair(way, None, None)) for way in WAYS)


def _way(overlays: Mapping[str, Mapping[str, Any]], overlay: str, one: End, same: str, other: End) -> str:
    """What a pair of pods is an example of; empty: of nothing."""
    here = one.host == other.host
    if one.net is None or other.net is None or one.net.driver != other.net.driver or overlay != same:
        return ""
    driver = one.net.driver
    if driver in drivers.OVERLAY:
        if here:
            return driver
        needed = entries(overlays[overlay]["nodes"], one.host, other.host)
        return "vxlan" if needed["fdb"] else "direct"
    reachable = driver == "host" or drivers.reaches(one, other)
    return driver if not here and reachable else ""


def _given(where: str, pair: object, known: Mapping[str, Mapping[str, End]]) -> Pair:
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
        found[key] = known[host][pod]
        net = found[key].net
        if not found[key].addresses and net and net.driver != "host":
            raise InvalidParameter(f"{where}.{key}", pair[key], "this pod has no address")
    if found["from"] == found["to"]:
        raise InvalidParameter(f"{where}.to", pair["to"], "it is where the pair begins: give another end")
    return Pair(str(pair.get("name", f"{pair['from']} {pair['to']}")), found["from"], found["to"])


def _standing(pair: Pair, hosts: Mapping[str, Mapping[str, Any]]) -> Pair:
    """The pair with the reason why it cannot be measured, if there is one."""
    kind = KINDS.get(pair.name)
    for host in sorted(pair.hosts) or hosts:
        if host in hosts and kind in hosts[host]["lacks"]:
            return pair._replace(reason=f"the kernel of {host} has no links of kind {kind}")
    if pair.one is None or pair.other is None:
        return pair._replace(reason="no two pods of the inventory are connected so")
    for end in (pair.one, pair.other):
        if end.host not in hosts:
            return pair._replace(reason=f"{end.host} is not in this run")
        if end.pod and end.pod not in hosts[end.host]["namespaces"]:
            return pair._replace(reason=f"{end.host} has no namespace {end.pod}: run weft.fabric.site first")
    return pair


def _described(pair: Pair, itself: Mapping[str, End]) -> dict[str, Any]:
    found: dict[str, Any] = {"name": pair.name, "unavailable": pair.reason}
    for key, end in (("from", pair.one), ("to", pair.other)):
        # A pod of the driver host has its host's address.
        address = (end.addresses or itself[end.host].addresses)[0] if end else ""
        found[key] = {"host": end.host, "pod": end.pod, "address": address} if end else None
    return found


def schedule(
    pairs: Sequence[Mapping[str, Any]], rounds: object, protocols: Sequence[str], bitrate: str
) -> list[dict[str, Any]]:
    """One pair after the other, in the opposite order every other round: what drifts meanwhile hits all alike.

    :param rounds: how often each pair is measured.
    :param bitrate: what UDP sends, as iperf3's ``--bitrate``; 0: as much as goes.
    :returns: each ``{round, pair, runs}``, a run being ``{protocol, direction, options}``.
    :raises InvalidParameter: no such protocol, or not a number of rounds.
    """
    count = values.integer("bandwidth_rounds", rounds, 1, 1000)
    for index, protocol in enumerate(protocols):
        values.choice(f"bandwidth_protocols[{index}]", protocol, PROTOCOLS)
    options = {"tcp": [], "udp": ["--udp", "--bitrate", bitrate]}
    runs = [
        {"protocol": protocol, "direction": direction, "options": [*options[protocol], *more]}
        for protocol in dict.fromkeys(protocols)
        for direction, more in DIRECTIONS.items()
    ]
    found = []
    for number in range(count):
        step = -1 if number % 2 else 1
        there = [pair for pair in pairs if not pair["unavailable"]]
        found += [{"round": number + 1, "pair": pair, "runs": runs[::step]} for pair in there[::step]]
    return found


# -- what came of it -------------------------------------------------------------------------------


def sample(output: str) -> Sample:
    """What one client of iperf3 printed with ``--json``.

    :raises ValueError: it failed; the message says how.
    """
    try:
        found = json.loads(output)
    except ValueError as error:
        raise ValueError("iperf3 did not end in time") from error
    if "error" in found:
        raise ValueError(f"iperf3: {found['error']}")
    end = found["end"]
    if found["start"]["test_start"]["protocol"] == "TCP":
        return Sample(end["sum_received"]["bits_per_second"])
    total = end["sum"]
    # Before 3.10 there is no sum of what was received, and what was sent has the losses in it.
    bits = total["bits_per_second"] * (1 - total["lost_percent"] / 100)
    return Sample(end.get("sum_received", {}).get("bits_per_second", bits), total["lost_percent"], total["jitter_ms"])


class Figures(NamedTuple):
    """The medians of a pair, by protocol and direction.

    :ivar rtt: the median of the rounds' means, in milliseconds.
    """

    samples: Mapping[tuple[str, str], Sample]
    rtt: float | None

    def bits(self, protocol: str) -> float | None:
        """Of both directions together."""
        found = [self.samples[protocol, direction] for direction in DIRECTIONS if (protocol, direction) in self.samples]
        return sum(one.bits for one in found) if len(found) == len(DIRECTIONS) else None


def report(
    results: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]], protocols: Sequence[str], about: str
) -> dict[str, Any]:
    """The comparison as a table and as a page, and what failed in it.

    :param results: each ``{pair, round, runs, latency}``: a pair's name, the runs of the schedule, each with what
        iperf3 printed, and what weft.fabric.reachability returned for the other end.
    :param pairs: as plan() returns them.
    :param about: a sentence on how it was measured.
    :returns: ``lines``, ``failures``, each a line, and ``page``, HTML.
    """
    samples: dict[str, dict[tuple[str, str], list[Sample]]] = {pair["name"]: {} for pair in pairs}
    rtts: dict[str, list[float]] = {pair["name"]: [] for pair in pairs}
    failures = []
    for result in results:
        name = result["pair"]
        for run, output in result["runs"]:
            try:
                found = sample(output)
            except ValueError as error:
                failures.append(f"{name}, round {result['round']}, {run['protocol']} {run['direction']}: {error}")
            else:
                samples[name].setdefault((run["protocol"], run["direction"]), []).append(found)
        if result["latency"]["rtt"]:
            rtts[name].append(result["latency"]["rtt"]["avg"])
        else:
            failures.append(f"{name}, round {result['round']}, latency: {result['latency']['error']}")
    figures = {
        name: Figures(
            {run: Sample(*map(_median, zip(*of_one))) for run, of_one in found.items()},  # type: ignore[arg-type]
            _median(rtts[name]),
        )
        for name, found in samples.items()
    }
    comparison = Comparison(pairs, figures, protocols)
    rows = comparison.table()
    return {
        "lines": [*text.table(rows, _NAMES), "", about],
        "failures": failures,
        "page": page.page("Bandwidth", f"<p>{html.escape(about)}</p>", *comparison.plots(), page.table(rows)),
    }


def _median(found: Sequence[float | None]) -> float | None:
    there = [value for value in found if value is not None]
    return statistics.median(there) if there else None


class Comparison:
    """The figures of all pairs beside those of the underlay between the same nodes.

    The parameters are those of report(), with the figures by the pairs' names.
    """

    def __init__(
        self, pairs: Sequence[Mapping[str, Any]], figures: Mapping[str, Figures], protocols: Sequence[str]
    ) -> None:
        self._pairs = pairs
        self._figures = figures
        self._protocols = list(dict.fromkeys(protocols))
        most = max((one.bits for found in figures.values() for one in found.samples.values()), default=0)
        self._scale, self._unit = (1e9, "Gbit/s") if most >= 1e9 else (1e6, "Mbit/s")

    def _underlay(self, pair: Mapping[str, Any]) -> Figures | None:
        """What a pair is compared with: the underlay between its nodes; within one node, the first underlay."""
        bases = [base for base in self._pairs if base["name"].split()[0] == _UNDERLAY]
        across = {pair["from"]["host"], pair["to"]["host"]}
        same = [base for base in bases if {base["from"]["host"], base["to"]["host"]} == across]
        found = [*same, *(bases if len(across) == 1 else [])]
        return self._figures[found[0]["name"]] if found else None

    def table(self) -> list[list[str]]:
        """The head, and a row for each pair; of one that cannot be measured, its name and the reason."""
        rows = [[*_NAMES]]
        for protocol in self._protocols:
            rows[0] += [f"{protocol.upper()} {self._unit} there", "back", "ratio"]
            rows[0] += ["lost %", "jitter ms"] if protocol == "udp" else []
        rows[0] += ["rtt ms", "ratio"]
        for pair in self._pairs:
            if pair["unavailable"]:
                rows.append([pair["name"], f"not available: {pair['unavailable']}"])
                continue
            rows.append(
                [
                    pair["name"],
                    *("/".join(filter(None, (pair[end]["host"], pair[end]["pod"]))) for end in ("from", "to")),
                ]
            )
            rows[-1] += self._cells(self._figures[pair["name"]], self._underlay(pair))
        return rows

    def _cells(self, own: Figures, base: Figures | None) -> Iterator[str]:
        for protocol in self._protocols:
            found = [own.samples.get((protocol, direction)) for direction in DIRECTIONS]
            yield from (text.number(one.bits / self._scale) if one else "-" for one in found)
            yield _ratio(own.bits(protocol), base and base.bits(protocol))
            if protocol == "udp":
                for key in ("lost", "jitter"):
                    worst = [getattr(one, key) for one in found if one]
                    yield text.number(max(worst)) if worst else "-"
        yield text.number(own.rtt) if own.rtt is not None else "-"
        yield _ratio(own.rtt, base and base.rtt)

    def plots(self) -> Iterator[str]:
        """A bar chart for each protocol, and one of the latency."""
        for protocol in self._protocols:
            rows = []
            for pair in self._pairs:
                own, base = self._figures[pair["name"]], None if pair["unavailable"] else self._underlay(pair)
                bars = []
                for direction in DIRECTIONS:
                    found = [each.samples.get((protocol, direction)) if each else None for each in (own, base)]
                    bars.append(self._bar(*(one.bits / self._scale if one else None for one in found)))
                rows.append(bar_chart.Bar(pair["name"], bars, _note(pair)))
            yield bar_chart.bar_chart(
                f"{protocol.upper()} throughput, and its ratio to the underlay", self._unit, list(DIRECTIONS), rows
            )
        rows = []
        for pair in self._pairs:
            base = None if pair["unavailable"] else self._underlay(pair)
            own = self._figures[pair["name"]]
            rows.append(bar_chart.Bar(pair["name"], [self._bar(own.rtt, base.rtt if base else None)], _note(pair)))
        yield bar_chart.bar_chart("Round trip time, and its ratio to the underlay", "ms", ["rtt"], rows)

    @staticmethod
    def _bar(own: float | None, base: float | None) -> tuple[float, str] | None:
        return None if own is None else (own, f"{text.number(own)} ({_ratio(own, base)})")


def _note(pair: Mapping[str, Any]) -> str:
    return f"not available: {pair['unavailable']}" if pair["unavailable"] else "failed"


def _ratio(own: float | None, base: float | None) -> str:
    return f"{own / base:.2f}" if own is not None and base else "-"
