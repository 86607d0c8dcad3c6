# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the collection side by side with what it replaces: docs/benchmarks.md and docs/benchmarks.svg.

Everything runs in namespaces of this process's own, and ends with it. With --quick: fewer repetitions and smaller
tables, and docs stays as it is.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile
import time
from importlib import metadata

from ansible_collections.weft.fabric.tests.bench import dataplane, playbooks, tables
from ansible_collections.weft.fabric.tests.bench.measure import CHECKOUT, Section
from ansible_collections.weft.fabric.tests.integration import kernel

DOCUMENT = CHECKOUT / "docs" / "benchmarks.md"
PLOT = DOCUMENT.with_suffix(".svg")
METHOD = """\
Seconds are medians of runs that alternate (ours, theirs; theirs, ours; ...) on one machine, each in its own network
namespaces: {tables} runs of each side for tables, {calls} for one module call, {loop} for many entries, {fabric} for
the scenario and {dataplane} from pod to pod. The ratio, ours to theirs, is the median of the ratios of consecutive
runs, so that a machine that is slower for a while does not matter. Next to it is the range of the middle half of these
ratios. A missed goal is reported, and does not make the command fail.

For tables and one module call, seconds are CPU seconds, including the kernel's. On a machine without other work, they
are the same as seconds on the clock.

- The engine runs the code that a list's module calls (`add_fdb` and `reconcile`, for example), in a process that has
  already imported it and read the list. iproute2's figures are whole processes, with the same entries in the same
  order. Changing or purging one entry requires finding it first, so this includes `-json show`.
- *a process* is that Python process from start to end. ifstate reads the same list, and also makes sure that the VXLAN
  exists. It runs {ifstate}.
"""


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is measured.

    :ivar tables: how often each side runs, as are ``calls``, ``loop``, ``fabric`` and ``dataplane``.
    :ivar sizes: of tables.
    :ivar ifstate: how often that runs, by size.
    :ivar tasks: calls in a playbook.
    :ivar modules: those that are called.
    :ivar limit: in seconds, for everything.
    """

    tables: int
    calls: int
    loop: int
    fabric: int
    dataplane: int
    sizes: tuple[int, ...]
    ifstate: dict[int, int]
    tasks: int
    modules: list[str]
    limit: int


FULL = Extent(
    tables=11,
    calls=7,
    loop=5,
    fabric=5,
    dataplane=61,
    sizes=(1_000, 10_000, 50_000),
    ifstate={1_000: 5, 10_000: 5, 50_000: 5},
    tasks=10,
    modules=list(playbooks.CALLS),
    limit=4800,
)
QUICK = Extent(
    tables=3,
    calls=2,
    loop=1,
    fabric=1,
    dataplane=9,
    sizes=(1_000, 10_000),
    ifstate={1_000: 1},
    tasks=5,
    modules=["vxlan_fdb", "topology"],
    limit=540,
)


def give_up(*_signal: object) -> None:
    """End at once, from a signal. The kernel ends everything else together with process 1."""
    print("the benchmark has taken too long and gives up: run it when the machine is not busy", flush=True)
    os._exit(1)


def machine(*more: str) -> str:
    """What the figures were taken on and with.

    :param more: names and versions of what else took part.
    """
    cpus = [
        line for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line
    ]
    model = cpus[0].partition(":")[2].strip() if cpus else platform.machine()
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    versions = [f"{name} {metadata.version(name)}" for name in ("ansible-core", "pyroute2")]
    lines = [
        f"- date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}",
        f"- machine: {os.cpu_count()} x {model}",
        f"- system: {system}, Linux {platform.release()}, {kernel.run('ip', '-Version').strip()}",
        f"- versions: Python {platform.python_version()}, {', '.join([*versions, *more])}",
    ]
    return "\n".join(lines)


def page(sections: list[Section], extent: Extent, ifstate: str) -> str:
    """docs/benchmarks.md."""
    runs = ", ".join(f"{count} times with {size:,}" for size, count in extent.ifstate.items())
    parts = [
        "# Benchmarks",
        "`make bench`, as root, generates this page.",
        *(section.markdown() for section in sections),
        f"![seconds by the number of entries]({PLOT.name})",
        "## How it is measured",
        METHOD.format(**{**dataclasses.asdict(extent), "ifstate": runs}),
        machine(ifstate),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def measure(directory: pathlib.Path, extent: Extent, ifstate: str) -> int:
    """Measure and report, as process 1 of a process namespace.

    :param directory: for files, and the home of the user who runs the playbooks.
    :param ifstate: its name and version.
    """
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(extent.limit)
    kernel.leave_the_machine()
    started = time.monotonic()
    sections: list[Section] = []

    def report(section: Section) -> None:
        sections.append(section)
        print(f"{section.markdown()}\n\n{time.monotonic() - started:.0f} s so far\n", flush=True)

    try:
        found, plot = tables.section(directory, extent.tables, extent.sizes, extent.ifstate)
        report(found)
        report(playbooks.calls(directory, extent.calls, extent.tasks, extent.modules))
        report(playbooks.loop(directory, extent.loop))
        report(playbooks.fabric(directory, extent.fabric))
        report(dataplane.section(directory, extent.dataplane))
    except AssertionError as error:
        print(error)
        return 1

    if extent is FULL:
        DOCUMENT.write_text(page(sections, extent, ifstate), encoding="utf-8")
        PLOT.write_text(plot, encoding="utf-8")
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--inside", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        directory, ifstate = options.inside
        return measure(pathlib.Path(directory), QUICK if options.quick else FULL, ifstate)
    if os.geteuid() != 0:
        print("the benchmark makes network namespaces, which needs root: sudo make bench")
        return 1
    ifstate = tables.make_ifstate()
    # A process namespace, so that nothing that was started outlives it: the labs have echo servers. Once it has ended
    # nobody writes to the directory any more.
    isolated = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv]
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run([*isolated, "--inside", directory, ifstate], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
