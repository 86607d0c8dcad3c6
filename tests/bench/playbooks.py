# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of ansible-playbook: this collection's against those with ansible.builtin.command."""

from __future__ import annotations

import itertools
import json
import pathlib

from ansible_collections.weft.fabric.tests.bench.measure import (
    CHECKOUT,
    HERE,
    Row,
    alternate,
    entries,
    kernel_has,
    playbook,
    require,
    vxlan,
)

ENTRIES = 100
PLAYBOOKS = CHECKOUT / "playbooks"


def module_rows(home: pathlib.Path, repetitions: int) -> list[Row]:
    """Many entries: one task of the module against one task that loops a command."""
    variables = home / "entries.json"
    variables.write_text(json.dumps({"bench_entries": entries(ENTRIES)}), encoding="utf-8")

    def run(name: str) -> float:
        with vxlan():
            seconds, _output = playbook(home, "-e", f"@{variables}", str(HERE / f"{name}.yml"))
            count = 0 if name == "empty" else ENTRIES
            require(kernel_has(count, "bridge", "fdb", "show", "dev", "vxlan0"), f"{name}.yml: other entries")
        return seconds

    empty, ours, theirs = (
        side["whole"]
        for side in alternate(
            repetitions,
            lambda: {"whole": run("empty")},
            lambda: {"whole": run("entries_module")},
            lambda: {"whole": run("entries_commands")},
        )
    )
    what, other = f"{ENTRIES} FDB entries: one task of weft.fabric.vxlan_fdb", f"{ENTRIES} looped bridge fdb add"
    return [
        Row(f"{what}, ansible-playbook from start to end", ours, other, theirs),
        # The goal is the task's: what ansible-playbook takes to start is the same in both, and half of ours.
        Row(f"{what}, without an empty playbook's {empty:.2f} s", ours - empty, other, theirs - empty, 30),
    ]


def fabric_rows(home: pathlib.Path, repetitions: int) -> list[Row]:
    """The scenario on the three hosts of the lab: site.yml against the article's commands."""
    numbers = itertools.count(1)

    def run(path: pathlib.Path, proof: str) -> dict[str, float]:
        # A lab of its own for each, all of which end with this process.
        lab = ["-i", str(CHECKOUT / "inventories" / "lab.yml"), "-e", f"lab_name=bench{next(numbers)}"]
        playbook(home, *lab, str(PLAYBOOKS / "lab.yml"))
        first, first_until = playbook(home, *lab, str(path), until=proof)
        second, second_until = playbook(home, *lab, str(path), until=proof)
        return {"first": first, "first bare": first_until, "second": second, "second bare": second_until}

    ours, theirs = alternate(
        repetitions,
        lambda: run(PLAYBOOKS / "site.yml", "TASK [weft.fabric.verify : "),
        lambda: run(HERE / "article.yml", "PLAY [Proof]"),
    )
    rows = []
    for number, goal in (("first", 2), ("second", 3)):
        what, bare = f"site.yml on three hosts, {number} run", f"{number} bare"
        rows += [
            Row(what, ours[number], "article.yml", theirs[number], goal),
            Row(f"{what}, up to the proof", ours[bare], "article.yml, up to its proof", theirs[bare]),
        ]
    return rows
