# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a full mesh costs as it grows: figures in docs/scale.json, and from them a table in docs/scale.md and a plot.

Figures of sizes that are not measured stay as they are. CPU seconds are those of the controller and of all hosts
together, since a lab has both on one machine. Everything runs in namespaces of this process's own, and ends with it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel import sysctl
from ansible_collections.weft.fabric.plugins.plugin_utils.figures.line_chart import line_chart
from ansible_collections.weft.fabric.tests.bench import mesh
from ansible_collections.weft.fabric.tests.bench.bench import machine
from ansible_collections.weft.fabric.tests.bench.measure import CHECKOUT, HERE, require, verdict
from ansible_collections.weft.fabric.tests.bench.pull import pull, repository
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks import cli
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import CAME, WENT, Fabric, Run, standing

Figures = tuple[str, dict[str, float]]  # a phase's

PROGRAM = pathlib.Path(sys.executable).parent / "ansible-playbook"
SITE = "weft.fabric.site"
SIZES = (10, 50, 100, 250)
FIGURES = CHECKOUT / "docs" / "scale.json"
PLOT = CHECKOUT / "docs" / "scale.svg"
DOCUMENT = CHECKOUT / "docs" / "scale.md"
BEGIN, END = "<!-- figures: made by make bench-scale -->\n", "<!-- end of figures -->\n"

PHASES = {
    "nothing": "site from nothing",
    "unchanged": "site again, unchanged",
    "added": "site, one node added",
    "removed": "site, one node removed",
    "repaired": "site on one host after its VXLAN was deleted",
    "floor": "two times ansible.builtin.ping",
    "applied": "weft-fabric apply on each host, after a loss of power",
    "all": "proof alone, of all pairs",
    "pulled": "ansible-pull on all hosts at once, from nothing",
}
CALLS = {"unchanged": 2, "nothing": 3}
"""How many modules each host runs: plan and proof, and between them what changes it."""

DEARER = 1.6
"""How much more a call may cost than one of ansible.builtin.ping. What the host itself does is not the call's."""

STEEPER = 1.3
"""How much more a host may cost from 50 to 250 nodes than from 10 to 50."""

PROVING = 100
"""Nodes that all pairs are proved of, at most: with 250 there are 624,000."""

PULLING = 20
"""Hosts that pull at once."""

NEIGHBOURS = {"net.ipv4.neigh.default.gc_thresh2": 32768, "net.ipv4.neigh.default.gc_thresh3": 65536}
"""What the machine's neighbour table, which all hosts share, must hold: see docs/scale.md."""

LARGEST = 250
SECONDS = {"nothing": 600, "unchanged": 300}
MEMORY = 2048
"""Goals with that many nodes: seconds on two processors, and MB of the controller."""


class Meter:
    """What is used while the block runs: seconds by the clock and of CPU, and memory of ansible-playbook in bytes."""

    def __enter__(self) -> Meter:
        self.memory = 0
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        self._started, self._used = time.monotonic(), _cpu()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.wall, self.cpu = time.monotonic() - self._started, _cpu() - self._used
        self._over.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._over.wait(2):
            self.memory = max(self.memory, sum(map(_memory, pathlib.Path("/proc").glob("[0-9]*"))))

    def figures(self) -> dict[str, float]:
        return {"wall": round(self.wall, 1), "cpu": round(self.cpu, 1), "memory": round(self.memory / 2**20)}


def _cpu() -> float:
    """CPU seconds of all processes that this one has started, those that go on and those that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    ticks = 0
    for status in pathlib.Path("/proc").glob("[0-9]*/stat"):
        # What ends in between is counted next time; what has ended and nobody waited for is listed still.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if status.parent.name != "1":
                ticks += sum(map(int, status.read_text(encoding="ascii").rpartition(")")[2].split()[11:13]))
    return ended.ru_utime + ended.ru_stime + ticks / os.sysconf("SC_CLK_TCK")


def _memory(process: pathlib.Path) -> int:
    """Bytes that a process of ansible-playbook has, and its share of those that several have."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        if b"ansible-playbook" in process.joinpath("cmdline").read_bytes():
            lines = process.joinpath("smaps_rollup").read_text(encoding="ascii").splitlines()
            return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return 0


def watched(fabric: Fabric, hosts: list[str], vtep: str, kinds: list[str], run: Callable[[], Figures]) -> Figures:
    """Run; each host's kernel tells of this, and of nothing else."""
    with fabric.told(hosts, vtep) as said:
        done = run()
    for host, events in said.items():
        require(sorted(event.kind for event in events) == kinds, f"{host}: {'; '.join(map(str, events))}")
    return done


def measure(home: pathlib.Path, size: int, phases: Collection[str]) -> Iterator[Figures]:
    """Each of the phases with so many nodes, and its figures.

    :param home: that of the user who runs the playbooks, new.
    """

    def play(phase: str, hosts: int, playbook: str, *more: str) -> Figures:
        command = [str(PROGRAM), "-i", str(fabric.file), playbook, *more]
        with Meter() as meter:
            run = Run(subprocess.run(command, env=cli.environment(home), capture_output=True, text=True, check=False))
        require(run.rc == 0, f"{' '.join(command)} failed:\n{run.text[-5000:]}")
        require(phase != "unchanged" or run.changed == {}, f"not unchanged: {run.changed}")
        return phase, {"hosts": hosts, **meter.figures()}

    hosts = [mesh.name(number) for number in range(size)]
    added, vtep = mesh.name(size), f"10.{244 + size // 256}.{size % 256}.0"
    with standing(home, mesh.inventory(size), limit=1800) as fabric:
        yield play("nothing", size, SITE)
        if "unchanged" in phases:
            yield play("unchanged", size, SITE)
        if "floor" in phases:
            yield play("floor", size, str(HERE / "floor.yml"))
        if "applied" in phases:
            for host in hosts:
                fabric.power_off(host)
            with Meter() as meter:
                for host in hosts:
                    fabric.node(host, "weft-fabric", "apply")
            yield "applied", {"hosts": size, **meter.figures()}
        if "all" in phases and size <= PROVING:
            yield play("all", size, "weft.fabric.verify", "-e", "verify_scope=all")
        if "added" in phases:
            fabric.inventory = mesh.inventory(size + 1)
            fabric.ok("lab")
            yield watched(fabric, hosts, vtep, CAME, lambda: play("added", size + 1, SITE))
        if "added" in phases and "removed" in phases:
            fabric.ok("teardown", "--limit", added)
            fabric.inventory = mesh.inventory(size)
            yield watched(fabric, hosts, vtep, WENT, lambda: play("removed", size, SITE))
        if "repaired" in phases:
            fabric.node(hosts[1], "ip", "link", "delete", "vxlan0")
            others = [hosts[0], *hosts[2:]]
            yield watched(fabric, others, vtep, [], lambda: play("repaired", 1, SITE, "--limit", hosts[1]))


def measure_pull(home: pathlib.Path) -> dict[str, float]:
    """The figures of hosts that pull at once, and arrive at what a controller would have made.

    :param home: that of the user who runs them, new.
    """
    inventory = mesh.inventory(PULLING)
    hosts = [mesh.name(number) for number in range(PULLING)]
    with standing(home, inventory, limit=1800) as fabric:
        url = repository(home / "repository", inventory)
        with Meter() as meter:
            said = pull(home, fabric.lab, hosts, url)
        require(not any(status for status, _text in said.values()), f"ansible-pull failed: {said}")
        done = fabric.ok("site")
        require(done.changed == {}, f"a controller finds something to change: {done.changed}")
    return {"hosts": PULLING, **meter.figures()}


def slopes(figures: dict[str, Any], phase: str) -> list[float]:
    """CPU seconds that each further host takes, from each size to the next of 10, 50 and 250 nodes."""
    used = {int(size): found[phase]["cpu"] for size, found in figures.items() if phase in found}
    steps = [size for size in (10, 50, 250) if size in used]
    return [(used[after] - used[before]) / (after - before) for before, after in zip(steps, steps[1:])]


def over_pings(size: str, figures: dict[str, dict[str, float]], phase: str) -> str:
    """What a phase costs, beside as many pings as it has calls."""
    own = figures.get("applied", {"cpu": 0.0})["cpu"] if phase == "nothing" else 0.0
    ratio = (figures[phase]["cpu"] - own) / (figures["floor"]["cpu"] / CALLS["unchanged"] * CALLS[phase])
    without = f", without the {own:.0f} CPU seconds of {PHASES['applied']}," if own else ""
    return (
        f"{PHASES[phase]}, {size} nodes: {ratio:.2f} times as many CPU seconds{without} as {CALLS[phase]} pings of "
        f"each host (goal: at most {DEARER}, {verdict(ratio <= DEARER)})."
    )


def report(figures: dict[str, Any], facts: str) -> str:
    """The figures as Markdown."""
    lines = [
        "| nodes | what | seconds | CPU seconds | CPU seconds per host | controller's memory, MB |",
        "|---:|---|---:|---:|---:|---:|",
    ]
    for size, found in sorted(figures.items(), key=lambda item: int(item[0])):
        for phase, what in PHASES.items():
            if phase in found:
                one = found[phase]
                lines.append(
                    f"| {size} | {what} | {one['wall']:.0f} | {one['cpu']:.0f} | {one['cpu'] / one['hosts']:.2f} "
                    f"| {one['memory']:.0f} |"
                )
    lines.append("")
    for phase in ("nothing", "unchanged"):
        found = slopes(figures, phase)
        if len(found) == 2:
            ratio = found[1] / found[0]
            lines.append(
                f"- {PHASES[phase]}: each further host takes {found[0]:.2f} CPU seconds from 10 to 50 nodes, and "
                f"{found[1]:.2f} from 50 to 250, which is {ratio:.2f} times as much (goal: at most {STEEPER}, "
                f"{verdict(ratio <= STEEPER)})."
            )
    for phase in CALLS:
        told = [over_pings(size, found, phase) for size, found in figures.items() if {phase, "floor"} <= found.keys()]
        lines += [f"- {line}" for line in sorted(told)]
    largest = figures.get(str(LARGEST), {})
    for phase, limit in SECONDS.items():
        if phase in largest:
            wall, half = largest[phase]["wall"], largest[phase]["cpu"] / 2
            lines.append(
                f"- {LARGEST} nodes, {PHASES[phase]}: {wall:.0f} s, and half of its CPU seconds is {half:.0f} s (goal: "
                f"less than {limit} s on two processors, {verdict(wall < limit)})."
            )
    if largest:
        most = max(one["memory"] for one in largest.values())
        told = f"(goal: less than {MEMORY} MB, {verdict(most < MEMORY)})"
        lines.append(f"- {LARGEST} nodes: the controller uses at most {most:.0f} MB {told}.")
    return "\n".join([*lines, facts, "", "![CPU seconds by number of nodes](scale.svg)", ""])


def plot(figures: dict[str, Any]) -> str:
    """CPU seconds by number of nodes."""
    sizes = sorted(int(size) for size, found in figures.items() if "nothing" in found)
    series = {
        PHASES[phase]: [(size, figures[str(size)][phase]["cpu"]) for size in sizes if phase in figures[str(size)]]
        for phase in ("nothing", "unchanged", "floor")
    }
    return line_chart("What a full mesh costs", "nodes", "CPU seconds, controller and hosts together", series)


def keep(size: int, phase: str, found: dict[str, float]) -> None:
    """Renew what is in docs/."""
    print(f"{size} nodes: {PHASES[phase]}: {found}", flush=True)
    figures = json.loads(FIGURES.read_text(encoding="utf-8")) if FIGURES.exists() else {}
    figures.setdefault(str(size), {})[phase] = found
    FIGURES.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    PLOT.write_text(plot(figures), encoding="utf-8")
    before, _begin, rest = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    DOCUMENT.write_text(f"{before}{BEGIN}\n{report(figures, machine())}\n{END}{after}", encoding="utf-8")


def inside(directory: pathlib.Path, sizes: Iterable[int], phases: Collection[str]) -> int:
    """Measure, as process 1 of a process namespace.

    :param directory: for files.
    """
    kernel.leave_the_machine()
    for size in sizes if set(phases) - {"pulled"} else ():
        home = directory / str(size)
        home.mkdir()
        for phase, found in measure(home, size, phases):
            keep(size, phase, found)
    if "pulled" in phases:
        home = directory / "pull"
        home.mkdir()
        keep(PULLING, "pulled", measure_pull(home))
    return 0


@contextlib.contextmanager
def neighbours() -> Iterator[None]:
    """Make room in the machine's neighbour table while the block runs; only its first network namespace has these."""
    before = {key: str(sysctl.read_live(key)) for key in NEIGHBOURS}
    try:
        for key, room in NEIGHBOURS.items():
            sysctl.write_live(key, str(max(room, int(before[key]))))
        yield
    finally:
        for key, value in before.items():
            sysctl.write_live(key, value)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="numbers of nodes")
    parser.add_argument("--phases", default=",".join(PHASES), help="what is measured, separated by commas")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return inside(options.inside, options.sizes, options.phases.split(","))
    if os.geteuid() != 0:
        print("the benchmark makes network namespaces, which needs root: sudo make bench-scale")
        return 1
    isolated = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, __file__]
    with tempfile.TemporaryDirectory() as directory, neighbours():
        arguments = ["--inside", directory, "--phases", options.phases, *map(str, options.sizes)]
        return subprocess.run([*isolated, *arguments], check=False).returncode


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_signal: sys.exit(1))
    sys.exit(main())
