# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a figure is taken, whatever it is of."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from ansible_collections.weft.fabric.tests.integration import cli, kernel

HERE = pathlib.Path(__file__).resolve().parent
CHECKOUT = HERE.parent.parent


@dataclasses.dataclass(frozen=True)
class Row:
    """Two medians in seconds. ``goal`` is how many times faster ours has to be; None: the row only explains another."""

    what: str
    ours: float
    other: str
    theirs: float
    goal: float | None = None

    @property
    def times_faster(self) -> float:
        return self.theirs / self.ours

    @property
    def met(self) -> bool:
        return self.goal is None or self.times_faster >= self.goal


def require(holds: bool, what: str) -> None:
    """A figure counts only if what was measured has been done."""
    if not holds:
        raise AssertionError(what)


def alternate(repetitions: int, *sides: Callable[[], dict[str, float]]) -> list[dict[str, float]]:
    """Run the sides in turn, that often; of each side the medians of the figures that it returns."""
    runs = [[side() for side in sides] for _run in range(repetitions)]
    return [{name: statistics.median(run[name] for run in of_one) for name in of_one[0]} for of_one in zip(*runs)]


@contextlib.contextmanager
def vxlan() -> Iterator[None]:
    """This process is in a new namespace, with a ``vxlan0`` that is up and has no entries."""
    with kernel.new_namespace() as name:
        kernel.ip(name, "link", "add", "vxlan0", "type", "vxlan", "id", "10", "dstport", "4789", "nolearning")
        kernel.ip(name, "link", "set", "vxlan0", "up")
        with kernel.inside(name):
            yield


def entries(count: int) -> list[dict[str, str]]:
    """So many different MAC addresses, each with an IPv4 address of its own."""
    return [
        {"lladdr": f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", "dst": f"10.1.{number >> 8}.{number & 255}"}
        for number in range(count)
    ]


def kernel_has(count: int, *show: str) -> bool:
    """Whether ``ip`` or ``bridge`` show that many entries."""
    return len(json.loads(kernel.run(show[0], "-json", *show[1:]))) == count


def command(*words: str) -> tuple[float, str]:
    """Run a command; the seconds that it took, and what it printed."""
    started = time.perf_counter()
    output = kernel.run(*words)
    return time.perf_counter() - started, output


def playbook(home: pathlib.Path, *arguments: str, until: str = "") -> tuple[float, float]:
    """Run ansible-playbook; the seconds that it took, and those before the first line that has ``until`` in it.

    :param home: the user's home directory.
    """
    program = str(pathlib.Path(sys.executable).parent / "ansible-playbook")
    lines, reached = [], 0.0
    started = time.perf_counter()
    with subprocess.Popen(
        [program, *arguments],
        cwd=CHECKOUT,
        env=cli.environment(home) | {"TMPDIR": str(home)},
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
