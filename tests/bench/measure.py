# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a figure is taken, whatever it is of, and what becomes of it in the report."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks import cli

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent
PLAYBOOKS = CHECKOUT / "playbooks"
PLAYBOOK = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
COLUMNS = ("weft.fabric", "seconds", "measured against", "seconds", "ratio", "middle half", "goal")

Seconds = Sequence[float]
"""Of one thing, in the order in which it was measured."""


@dataclasses.dataclass(frozen=True)
class Row:
    """Seconds of two things that were measured in turn.

    :ivar most: what ours may be of theirs; None: the row only explains another.
    """

    what: str
    ours: Seconds
    other: str
    theirs: Seconds
    most: float | None = None

    @property
    def ratios(self) -> list[float]:
        """Of each pair: a machine that gets slower meanwhile slows down both."""
        return [ours / theirs for ours, theirs in zip(self.ours, self.theirs)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def half(self) -> str:
        """Between which two the middle half of the ratios is."""
        if len(self.ratios) == 1:
            return ""
        lower, _median, upper = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return f"{lower:.2f} to {upper:.2f}"

    @property
    def met(self) -> bool:
        return self.most is None or self.ratio <= self.most


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the report.

    :ivar text: paragraphs in Markdown below the table.
    """

    title: str
    rows: Sequence[Row]
    text: str = ""

    def markdown(self) -> str:
        """The section, which is as good to read on a screen."""
        return "\n\n".join(filter(None, [f"## {self.title}", "\n".join(_table(self.rows)), self.text]))


def _table(rows: Sequence[Row]) -> list[str]:
    cells = [COLUMNS, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*cells)]
    right = [name in ("seconds", "ratio", "middle half") for name in COLUMNS]

    def line(row: tuple[str, ...]) -> str:
        padded = (cell.rjust(width) if to else cell.ljust(width) for cell, width, to in zip(row, widths, right))
        return f"| {' | '.join(padded)} |"

    rule = (f"{'-' * (width - 1)}:" if to else "-" * width for width, to in zip(widths, right))
    return [line(COLUMNS), f"| {' | '.join(rule)} |", *map(line, cells[1:])]


def verdict(met: bool) -> str:
    """What the documents say of a goal."""
    return "met" if met else "MISSED"


def _cells(row: Row) -> tuple[str, ...]:
    goal = "" if row.most is None else f"at most {row.most:.3g}, {verdict(row.met)}"
    ours, theirs = (f"{statistics.median(side):.3f}" for side in (row.ours, row.theirs))
    return row.what, ours, row.other, theirs, f"{row.ratio:.2f}", row.half, goal


def require(holds: bool, what: str) -> None:
    """A figure counts only if what was measured has been done."""
    if not holds:
        raise AssertionError(what)


def alternate(repetitions: int, *sides: Callable[[], dict[str, float]]) -> list[dict[str, Seconds]]:
    """Run the sides in turn, that often; of each side the figures that it returns.

    Who was first is last the next time.
    """
    runs: list[list[dict[str, float]]] = [[] for _side in sides]
    for run in range(repetitions):
        for number in range(len(sides))[:: -1 if run % 2 else 1]:
            runs[number].append(sides[number]())
    return [{name: [run[name] for run in of_one] for name in of_one[0]} for of_one in runs]


@contextlib.contextmanager
def vxlan() -> Iterator[None]:
    """This process is in a new namespace, with a ``vxlan0`` that is up and has no entries."""
    with kernel.new_namespace() as name:
        kernel.ip(name, "link", "add", "vxlan0", "type", "vxlan", "id", "10", "dstport", "4789", "nolearning")
        kernel.ip(name, "link", "set", "vxlan0", "up")
        with kernel.inside(name):
            yield


def command(*words: str, environment: dict[str, str] | None = None) -> tuple[float, str]:
    """Run a command; the CPU seconds that it and its children took, the kernel's among them, and what they printed.

    What works alone takes as much on the clock of a machine with nothing else to do. A busy one's clock shows more.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        with subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, cwd=CHECKOUT, env=environment
        ) as process:
            _pid, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    require(process.returncode == 0, f"{' '.join(words)} failed:\n{text}")
    return usage.ru_utime + usage.ru_stime, text


def playbook_cpu(home: pathlib.Path, *arguments: str) -> float:
    """Run ansible-playbook; the CPU seconds that it took, with all that it started."""
    return command(PLAYBOOK, *arguments, environment=_environment(home))[0]


def _environment(home: pathlib.Path) -> dict[str, str]:
    return cli.environment(home) | {"TMPDIR": str(home)}


def new_lab(home: pathlib.Path, name: str) -> list[str]:
    """Make a lab of the scenario's hosts, which ends with this process; what playbooks in it are given.

    :param home: the user's home directory.
    """
    there = ["-i", str(CHECKOUT / "inventories" / "lab.yml"), "-e", f"lab_name={name}"]
    playbook(home, *there, str(PLAYBOOKS / "lab.yml"))
    return there


def playbook(home: pathlib.Path, *arguments: str, until: str = "") -> tuple[float, float]:
    """Run ansible-playbook; the seconds that it took, and those before the first line that has ``until`` in it.

    :param home: the user's home directory.
    """
    lines, reached = [], 0.0
    started = time.perf_counter()
    with subprocess.Popen(
        [PLAYBOOK, *arguments],
        cwd=CHECKOUT,
        env=_environment(home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if not reached and until and until in line:
                reached = time.perf_counter() - started
    whole = time.perf_counter() - started
    require(process.returncode == 0, f"{' '.join(arguments)} failed:\n{''.join(lines)}")
    require(bool(reached) == bool(until), f"{' '.join(arguments)} never printed {until}:\n{''.join(lines)}")
    return whole, reached
