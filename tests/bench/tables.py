# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of FDB entries, neighbours and routes: the engine against iproute2's batches of the same, and ifstate."""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.plugin_utils.figures.line_chart import line_chart
from ansible_collections.weft.fabric.tests.bench.measure import (
    CHECKOUT,
    HERE,
    Row,
    Seconds,
    Section,
    alternate,
    command,
    require,
    verdict,
    vxlan,
)
from ansible_collections.weft.fabric.tests.integration import kernel

MEMORY = 200  # MB, that the largest table may take
MULTIPATH = 1.5  # what routes of two next hops may take, of what those of one take
ADD, VERIFY, CHANGE, PURGE, PURGE_ALL = "add", "unchanged", "change 1", "purge 1", "purge all"
IFSTATE = CHECKOUT / "build" / "ifstate"

Entry = dict[str, Any]


def entries(count: int) -> list[Entry]:
    """So many different MAC addresses, each with an IPv4 address of its own."""
    return [
        {"lladdr": f"02:00:00:{_octets(number, ':', '02x')}", "dst": _address(10, number)} for number in range(count)
    ]


def routes(count: int) -> list[Entry]:
    """So many host routes, each with a gateway of its own."""
    return [
        {"dst": f"{_address(10, number)}/32", "via": _address(11, number), "onlink": True} for number in range(count)
    ]


def multipath_routes(count: int) -> list[Entry]:
    """So many host routes, each by way of the same two gateways, as in a fabric with two spines."""
    hops = [{"via": f"11.0.0.{spine}", "dev": "vxlan0", "onlink": True} for spine in (1, 2)]
    return [{"dst": f"{_address(10, number)}/32", "nexthops": hops} for number in range(count)]


def _octets(number: int, separator: str, form: str) -> str:
    return separator.join(format(number >> shift & 255, form) for shift in (16, 8, 0))


def _address(first: int, number: int) -> str:
    return f"{first}.{_octets(number, '.', 'd')}"


@dataclasses.dataclass(frozen=True)
class Table:
    """One of the kernel's tables.

    :ivar section: what topology's document calls it.
    :ivar changed: what the one entry that changes gets.
    :ivar show: the command of iproute2 that prints the table.
    :ivar line: an entry in a batch file of the same command, with the verb left open.
    :ivar goals: what ours may take, of what iproute2 takes.
    """

    name: str
    section: str
    changed: Entry
    show: tuple[str, ...]
    line: str
    goals: dict[str, float]

    def list(self, count: int) -> list[Entry]:
        return routes(count) if self.section == "routes" else entries(count)

    def ifstate(self, wanted: list[Entry]) -> dict[str, Any]:
        """The same list as ifstate's document."""
        link = {"kind": "vxlan", "vxlan_id": 10, "vxlan_port": 4789, "vxlan_learning": 0, "state": "up"}
        if self.section == "routes":
            listed = [{"to": entry["dst"], "via": entry["via"], "dev": "vxlan0", "onlink": True} for entry in wanted]
            return {"interfaces": {"vxlan0": {"link": link}}, "routing": {"routes": listed}}
        more = {"port": 4789, "state": ["permanent"]} if self.section == "fdb" else {}
        return {"interfaces": {"vxlan0": {"link": link, self.section: [{**entry, **more} for entry in wanted]}}}


FDB = Table(
    "FDB entries",
    "fdb",
    {"dst": "10.255.0.1"},
    ("bridge", "fdb", "show", "dev", "vxlan0"),
    "fdb {verb} {lladdr} dev vxlan0 dst {dst}",
    {ADD: 1.0, VERIFY: 1.2, PURGE_ALL: 1.0},
)
NEIGHBOURS = Table(
    "neighbours",
    "neighbours",
    {"lladdr": "02:00:00:ff:00:01"},
    ("ip", "neigh", "show", "dev", "vxlan0", "nud", "permanent"),
    "neigh {verb} {dst} lladdr {lladdr} nud permanent dev vxlan0",
    {ADD: 1.0, VERIFY: 1.2, PURGE_ALL: 1.0},
)
ROUTES = Table(
    "onlink routes",
    "routes",
    {"via": "11.255.0.1"},
    ("ip", "route", "show", "dev", "vxlan0"),
    "route {verb} {dst} via {via} dev vxlan0 onlink",
    {ADD: 1.5, VERIFY: 2.5, PURGE_ALL: 1.5},
)


class Case:
    """A table at one size.

    :param directory: for files; a case writes its own.
    """

    def __init__(self, directory: pathlib.Path, table: Table, count: int) -> None:
        self.table, self.count = table, count
        self.memory = 0.0
        self.messages: list[dict[str, int]] = []
        self._directory = directory / f"{table.section}-{count}"
        self._directory.mkdir()
        wanted = table.list(count)
        # One in the middle is changed, and it is the one that goes later.
        middle = count // 2
        changed = [*wanted[:middle], {**wanted[middle], **table.changed}, *wanted[middle + 1 :]]
        lists = {
            ADD: wanted,
            VERIFY: wanted,
            CHANGE: changed,
            PURGE: wanted[:middle] + wanted[middle + 1 :],
            PURGE_ALL: [],
        }
        for step, listed in lists.items():
            self._file(f"{step}.json").write_text(json.dumps(listed), encoding="utf-8")
        self._file("ifstate.yml").write_text(json.dumps(table.ifstate(wanted)), encoding="utf-8")
        self._batch(ADD, "add", wanted)
        self._batch(CHANGE, "replace", changed[middle : middle + 1])
        self._batch(PURGE, "del", changed[middle : middle + 1])
        self._batch(PURGE_ALL, "del", lists[PURGE])

    def _file(self, name: str) -> pathlib.Path:
        return self._directory / name.replace(" ", "-")

    def _batch(self, step: str, verb: str, listed: list[Entry]) -> None:
        lines = [self.table.line.format(verb=verb, **entry) for entry in listed]
        self._file(f"{step}.batch").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")

    def _has(self, step: str, who: str) -> None:
        """The kernel's table is as it has to be after a step."""
        expected = {PURGE: self.count - 1, PURGE_ALL: 0}.get(step, self.count)
        found = kernel.run(*self.table.show).count("\n")
        require(found == expected, f"{who}: after {step!r} there are {found} {self.table.name}, not {expected}")

    def ours(self) -> dict[str, float]:
        """The engine's steps, and the processes that it ran in."""
        found = {}
        operations = {ADD: self.count, VERIFY: 0, CHANGE: 1, PURGE: 1, PURGE_ALL: self.count - 1}
        with vxlan():
            for step, expected in operations.items():
                options = ["--purge"] if step in (PURGE, PURGE_ALL) else []
                path = str(self._file(f"{step}.json"))
                process, output = command(sys.executable, str(HERE / "engine.py"), self.table.section, path, *options)
                result = json.loads(output)
                require(result["operations"] == expected, f"{step} does {result['operations']} things, not {expected}")
                self._has(step, "engine")
                found |= {step: result["seconds"], f"{step} process": process}
                self.memory = max(self.memory, result["memory"])
                if step == VERIFY:
                    self.messages.append(result["messages"])
        return found

    def theirs(self) -> dict[str, float]:
        """iproute2's batches. What changes or purges one has to read the table first, as ours does."""
        program = self.table.show[0]
        found = {}
        with vxlan():
            for step in (ADD, VERIFY, CHANGE, PURGE, PURGE_ALL):
                seconds = 0.0
                if step in (VERIFY, CHANGE, PURGE):
                    seconds, _output = command(program, "-json", *self.table.show[1:])
                if step != VERIFY:
                    batch, _output = command(program, "-batch", str(self._file(f"{step}.batch")))
                    seconds += batch
                self._has(step, program)
                found[step] = seconds
        return found

    def ifstate(self, repetitions: int) -> Mapping[str, Seconds]:
        """ifstate with the same list, on the same VXLAN."""
        program = str(IFSTATE / "bin" / "ifstatecli")
        runs: dict[str, list[float]] = {ADD: [], VERIFY: []}
        for _run in range(repetitions):
            with vxlan():
                for step, seconds in runs.items():
                    taken, _output = command(program, "-q", "-c", str(self._file("ifstate.yml")), "apply")
                    self._has(step, "ifstate")
                    seconds.append(taken)
        return runs


def multipath(directory: pathlib.Path, repetitions: int, count: int) -> Row:
    """Routes of two next hops, unchanged, against our own routes of one."""
    paths = []
    for name, listed in (("multipath", multipath_routes(count)), ("plain", routes(count))):
        paths.append(directory / f"{name}.json")
        paths[-1].write_text(json.dumps(listed), encoding="utf-8")

    def unchanged(path: pathlib.Path) -> dict[str, float]:
        with vxlan():
            for expected in (count, 0):
                _process, output = command(sys.executable, str(HERE / "engine.py"), "routes", str(path))
                result = json.loads(output)
                require(result["operations"] == expected, f"{path.stem} does {result['operations']}, not {expected}")
        return {VERIFY: result["seconds"]}

    ours, plain = alternate(repetitions, *(functools.partial(unchanged, path) for path in paths))
    return Row(f"{count:,} multipath routes, {VERIFY}", ours[VERIFY], "our onlink routes", plain[VERIFY], MULTIPATH)


def make_ifstate() -> str:
    """The newest ifstate of PyPI in an environment of its own; its name and version."""
    if not (IFSTATE / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", IFSTATE], check=True)
    pip = [IFSTATE / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--upgrade", "ifstate"], stderr=subprocess.DEVNULL, check=True)
    listed = subprocess.run([*pip, "freeze"], capture_output=True, text=True, check=True).stdout
    return next(line.replace("==", " ") for line in listed.splitlines() if line.startswith("ifstate=="))


def section(
    directory: pathlib.Path, repetitions: int, sizes: Sequence[int], ifstate: dict[int, int]
) -> tuple[Section, str]:
    """The tables at their sizes, and the plot of how the FDB's scales.

    :param sizes: numbers of FDB entries and neighbours, and up to 10,000 of routes.
    :param ifstate: how often ifstate runs, by size.
    """
    rows: list[Row] = []
    sentences: list[str] = []
    lines: dict[str, list[tuple[float, float]]] = {}
    memory = 0.0
    for table in (FDB, NEIGHBOURS, ROUTES):
        largest = min(sizes[-1], 10_000) if table is ROUTES else sizes[-1]
        for count in [largest] if table is ROUTES else sizes:
            case = Case(directory, table, count)
            ours, theirs = alternate(repetitions, case.ours, case.theirs)
            other = case.ifstate(ifstate[count]) if ifstate.get(count) else {}
            rows += _rows(case, ours, theirs, other)
            memory = max(memory, case.memory)
            if table is FDB:
                for name, step, of_one in (
                    ("add: weft.fabric", ADD, ours),
                    ("bridge -batch", ADD, theirs),
                    ("ifstate", ADD, other),
                    ("unchanged: weft.fabric", VERIFY, ours),
                    ("bridge -json fdb show", VERIFY, theirs),
                    ("ifstate", VERIFY, other),
                ):
                    if step in of_one:
                        key = f"{step}: ifstate" if name == "ifstate" else name
                        lines.setdefault(key, []).append((count, statistics.median(of_one[step])))
        sentences.append(f"- {largest:,} {table.name}, unchanged: {_sent(case)}")
    rows.append(multipath(directory, repetitions, min(sizes[-1], 10_000)))
    goal = f"goal: below {MEMORY} MB, {verdict(memory < MEMORY)}"
    sentences.append(f"- One process of the engine uses at most {memory:.0f} MB of memory ({goal}).")
    plot = line_chart("FDB entries of one VXLAN", "entries", "seconds", lines, powers=True)
    return Section("Tables", rows, "\n".join(sentences)), plot


def _rows(
    case: Case, ours: Mapping[str, Seconds], theirs: Mapping[str, Seconds], ifstate: Mapping[str, Seconds]
) -> list[Row]:
    table = case.table
    program, shown = table.show[0], " ".join([table.show[0], "-json", *table.show[1:3]])
    others = {
        ADD: f"{program} -batch",
        VERIFY: shown,
        CHANGE: f"{shown}, and replace one",
        PURGE: f"{shown}, and delete one",
        PURGE_ALL: f"{program} -batch",
    }
    rows = []
    for step, other in others.items():
        what = f"{case.count:,} {table.name}, {step}"
        rows.append(Row(what, ours[step], other, theirs[step], table.goals.get(step)))
        if step in ifstate:
            # Not in turn with the others, and not as often.
            process = ours[f"{step} process"]
            median = statistics.median(ifstate[step])
            rows.append(Row(f"{what}: a process", process, "ifstatecli apply", [median] * len(process), 1.0))
    return rows


def _sent(case: Case) -> str:
    """What every run sent that had nothing to do; only questions are allowed."""
    kinds = {kind for run in case.messages for kind in run}
    most = {kind: max(run.get(kind, 0) for run in case.messages) for kind in kinds}
    dumps = [kind for kind in kinds if kind.endswith(" dump") and kind != "RTM_GETLINK dump"]
    asked = all(kind.startswith("RTM_GET") for kind in kinds)
    require(
        asked and [most[kind] for kind in dumps] == [1],
        f"{case.table.name}, unchanged, sends more than one dump: {most}",
    )
    return (
        ", ".join(f"{count} {kind}" for kind, count in sorted(most.items())) + ", and no request that changes anything."
    )
