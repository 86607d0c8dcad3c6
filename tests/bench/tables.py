# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Thousands of FDB and neighbour entries: the engine against iproute2's batches of the same entries."""

from __future__ import annotations

import json
import pathlib
import sys
from typing import Any

from ansible_collections.weft.fabric.tests.bench.measure import (
    HERE,
    Row,
    alternate,
    command,
    entries,
    kernel_has,
    require,
    vxlan,
)

ENTRIES = 10_000


class Table:
    """One of the kernel's tables.

    :param section: what the document calls it.
    :param show: the command of iproute2 that prints it.
    :param line: an entry in a batch file of the same command.
    """

    def __init__(self, directory: pathlib.Path, section: str, show: tuple[str, ...], line: str) -> None:
        self.show = show
        self.messages: list[dict[str, int]] = []
        self._document = directory / f"{section}.json"
        self._batch = directory / f"{section}.batch"
        wanted = entries(ENTRIES)
        document = {"": {section: [{"dev": "vxlan0", **entry} for entry in wanted]}}
        self._document.write_text(json.dumps(document), encoding="utf-8")
        self._batch.write_text("".join(f"{line.format(**entry)}\n" for entry in wanted), encoding="utf-8")

    def ours(self) -> dict[str, float]:
        """The engine's first and second run; ``messages`` gets what the second one sent."""
        with vxlan():
            process, first = self._engine(changes=True)
            second_process, second = self._engine(changes=False)
        self.messages.append(second["messages"])
        return {
            "first": first["seconds"],
            "first process": process,
            "second": second["seconds"],
            "second process": second_process,
        }

    def _engine(self, changes: bool) -> tuple[float, dict[str, Any]]:
        seconds, output = command(sys.executable, str(HERE / "engine.py"), str(self._document))
        result = json.loads(output)
        require(result["changed"] == changes, f"{self._document.name}: changed is {result['changed']}")
        require(kernel_has(ENTRIES, *self.show), f"{self._document.name}: the kernel has other entries")
        return seconds, result

    def theirs(self) -> dict[str, float]:
        """iproute2's batch, and its own way to read the table."""
        with vxlan():
            add, _output = command(self.show[0], "-batch", str(self._batch))
            require(kernel_has(ENTRIES, *self.show), f"{self._batch.name}: the kernel has other entries")
            read, _output = command(self.show[0], "-json", *self.show[1:])
        return {"add": add, "read": read}


def rows(directory: pathlib.Path, repetitions: int) -> tuple[list[Row], list[str]]:
    """The rows, and a sentence on what each second run sent."""
    tables = {
        "FDB": Table(
            directory, "fdb", ("bridge", "fdb", "show", "dev", "vxlan0"), "fdb add {lladdr} dev vxlan0 dst {dst}"
        ),
        "neighbour": Table(
            directory,
            "neighbours",
            ("ip", "neigh", "show", "dev", "vxlan0", "nud", "permanent"),
            "neigh add {dst} lladdr {lladdr} nud permanent dev vxlan0",
        ),
    }
    found, sentences = [], []
    for name, table in tables.items():
        ours, theirs = alternate(repetitions, table.ours, table.theirs)
        batch, read = f"{table.show[0]} -batch", " ".join([table.show[0], "-json", *table.show[1:3]])
        added = f"{ENTRIES:,} {name} entries"
        found += [
            Row(f"{added}: engine", ours["first"], batch, theirs["add"], 1.0),
            Row(f"{added}: a Python process from start to end", ours["first process"], batch, theirs["add"]),
            Row(f"{added}, second run: engine", ours["second"], read, theirs["read"]),
            Row(f"{added}, second run: a Python process", ours["second process"], read, theirs["read"]),
        ]
        kinds = {kind for run in table.messages for kind in run}
        most = {kind: max(run.get(kind, 0) for run in table.messages) for kind in kinds}
        require(
            most.pop("RTM_GETNEIGH dump", 0) == 1 and most.keys() <= {"RTM_GETLINK"},
            f"the second run over {added} sends more than one dump: {table.messages}",
        )
        sentences.append(
            f"The second run over {added} sends one dump of that table, {most['RTM_GETLINK']} question about the "
            "device, and no request that changes anything."
        )
    return found, sentences
