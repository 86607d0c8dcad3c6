# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure the collection side by side with what it replaces: a table, which is also written to docs/benchmarks.md.

Everything runs in namespaces of this process's own, and ends with it. With --quick: fewer repetitions, and
docs/benchmarks.md stays as it is.
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

from ansible_collections.weft.fabric.tests.bench import playbooks, tables
from ansible_collections.weft.fabric.tests.bench.measure import CHECKOUT, Row
from ansible_collections.weft.fabric.tests.integration import kernel

DOCUMENT = CHECKOUT / "docs" / "benchmarks.md"
COLUMNS = ("weft.fabric", "seconds", "measured against", "seconds", "times faster", "goal")
METHOD = """\
Each figure is the median of runs that alternate (ours, theirs, ours, ...) on one machine: {engine} of each with tables,
{module} with the module and {fabric} with site.yml, each in network namespaces of its own. What counts is the ratio.

- *engine*: `model.parse` and `reconcile.reconcile`, in a process that has imported them and read the document. The
  figures of iproute2 are whole processes, and its batches have the same entries in the same order.
- The module and the loop are the same playbook but for the task, over Ansible's local connection, without facts.
- `article.yml` is [tests/bench/article.yml](../tests/bench/article.yml): the article's commands, a task each, guarded
  so that a second run changes nothing, with its own pings and `curl`s as the proof. `site.yml` does more: it stores
  all for a reboot, and proves every pair. Both run on the hosts of `inventories/lab.yml`, in a new lab each time.
"""


@dataclasses.dataclass(frozen=True)
class Repetitions:
    """How often each side runs; ``limit`` is in seconds, for everything."""

    engine: int
    module: int
    fabric: int
    limit: int


FULL = Repetitions(engine=7, module=5, fabric=3, limit=360)
QUICK = Repetitions(engine=5, module=2, fabric=1, limit=180)


def give_up(*_signal: object) -> None:
    """End at once, from a signal. The kernel ends everything else together with process 1."""
    print("the benchmark has taken too long and gives up: run it when the machine is not busy", flush=True)
    os._exit(1)


def table(rows: list[Row]) -> list[str]:
    """A table in Markdown, which is as good to read on a screen."""
    cells = [COLUMNS, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    right = [name in ("seconds", "times faster") for name in COLUMNS]

    def line(row: tuple[str, ...]) -> str:
        padded = (cell.rjust(width) if to else cell.ljust(width) for cell, width, to in zip(row, widths, right))
        return f"| {' | '.join(padded)} |"

    rule = (f"{'-' * (width - 1)}:" if to else "-" * width for width, to in zip(widths, right))
    return [line(COLUMNS), f"| {' | '.join(rule)} |", *map(line, cells[1:])]


def _cells(row: Row) -> tuple[str, ...]:
    goal = "" if row.goal is None else f"{row.goal:g}, {'met' if row.met else 'MISSED'}"
    return row.what, f"{row.ours:.3f}", row.other, f"{row.theirs:.3f}", f"{row.times_faster:.1f}", goal


def machine() -> list[str]:
    """What the figures were taken on and with."""
    cpus = [
        line for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if "model name" in line
    ]
    system = platform.freedesktop_os_release()["PRETTY_NAME"]
    versions = [f"{name} {metadata.version(name)}" for name in ("ansible-core", "pyroute2")]
    return [
        f"- date: {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}",
        f"- machine: {os.cpu_count()} x {cpus[0] if cpus else platform.machine()}",
        f"- system: {system}, Linux {platform.release()}, {kernel.run('ip', '-Version').strip()}",
        f"- versions: Python {platform.python_version()}, {', '.join(versions)}",
    ]


def measure(directory: pathlib.Path, repetitions: Repetitions) -> int:
    """Measure and report, as process 1 of a process namespace.

    :param directory: for files, and the home of the user who runs the playbooks.
    """
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(repetitions.limit)
    kernel.leave_the_machine()
    started = time.monotonic()
    try:
        rows, sentences = tables.rows(directory, repetitions.engine)
        rows += playbooks.module_rows(directory, repetitions.module)
        rows += playbooks.fabric_rows(directory, repetitions.fabric)
    except AssertionError as error:
        print(error)
        return 1

    found = "\n".join([*table(rows), "", *sentences])
    print(f"{found}\n\n{time.monotonic() - started:.0f} s")
    if repetitions is FULL:
        DOCUMENT.parent.mkdir(exist_ok=True)
        method = METHOD.format(**dataclasses.asdict(repetitions))
        text = f"# Benchmarks\n\nMade by `make bench`, as root.\n\n{found}\n\n{method}\n" + "\n".join(machine())
        DOCUMENT.write_text(f"{text}\n", encoding="utf-8")
    return 0 if all(row.met for row in rows) else 1


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--inside", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        return measure(options.inside, QUICK if options.quick else FULL)
    if os.geteuid() != 0:
        print("the benchmark makes network namespaces, which needs root: sudo make bench")
        return 1
    # A process namespace, so that nothing that was started outlives it: the labs have echo servers. Once it has ended
    # nobody writes to the directory any more.
    isolated = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, *sys.argv]
    with tempfile.TemporaryDirectory() as directory:
        return subprocess.run([*isolated, "--inside", directory], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
