# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whole runs of ansible-playbook: this collection's against those with ansible.builtin.command."""

from __future__ import annotations

import itertools
import json
import pathlib
import statistics
from operator import sub
from typing import Any

from ansible_collections.weft.fabric.tests.bench.measure import (
    HERE,
    PLAYBOOKS,
    Row,
    Section,
    alternate,
    new_lab,
    playbook,
    playbook_cpu,
    require,
    vxlan,
)
from ansible_collections.weft.fabric.tests.bench.tables import entries
from ansible_collections.weft.fabric.tests.integration import kernel

ENTRIES = 100

# One call each that has nothing to do, on what MADE makes.
MADE = (
    "link add br0 type bridge",
    "link set br0 up",
    "address add 192.0.2.1/24 dev br0",
    "route add 198.51.100.0/24 via 192.0.2.2",
    "neighbour add 10.0.0.0 lladdr 02:00:00:00:00:00 nud permanent dev vxlan0",
)
VXLAN = {"name": "vxlan0", "vni": 10, "port": 4789, "learning": False}
CALLS = {
    "vxlan_fdb": {"dev": "vxlan0", "entries": entries(1)},
    "vxlan_neigh": {"dev": "vxlan0", "entries": entries(1)},
    "address": {"dev": "br0", "addresses": ["192.0.2.1/24"]},
    "route": {"routes": [{"dst": "198.51.100.0/24", "via": "192.0.2.2", "dev": "br0"}]},
    "bridge": {"name": "br0", "addresses": ["192.0.2.1/24"]},
    "vxlan": VXLAN,
    "topology": {
        "namespaces": {
            "": {
                "links": [{"kind": "bridge", "name": "br0"}, {"kind": "vxlan", **VXLAN}],
                "addresses": [{"dev": "br0", "address": "192.0.2.1/24"}],
                "routes": [{"dst": "198.51.100.0/24", "via": "192.0.2.2", "dev": "br0"}],
                "neighbours": [{"dev": "vxlan0", **entry} for entry in entries(1)],
                "fdb": [{"dev": "vxlan0", **entry} for entry in entries(1)],
            }
        }
    },
}
CALL = "One module call"
CALL_TEXT = """\
"A playbook of one such task" runs on localhost, over the local connection, without facts. "Unchanged" is the mean of
{tasks} further tasks in such a playbook, because Ansible packs the module for the first task. No call changes
anything."""
LOOP_TEXT = """\
Both playbooks are the same except for the task, and use Ansible's local connection, without facts. In this section and
the next one, seconds are on the clock."""
FABRIC_TEXT = """\
`tests/bench/article.yml` has the article's commands, one task for each, guarded so that a second run changes nothing,
with the article's pings and `curl`s as the proof. `site.yml` does more: it stores everything for a reboot, and proves
every pair. Both run on the hosts of `inventories/lab.yml`, in a new lab each time."""


def calls(home: pathlib.Path, repetitions: int, tasks: int, modules: list[str]) -> Section:
    """What one task costs that has nothing to do, against one of ansible.builtin.command that does nothing."""
    actions: dict[str, dict[str, Any]] = {"ansible.builtin.command": {"argv": ["true"]}}
    actions |= {f"weft.fabric.{module}": CALLS[module] for module in modules}

    def run(name: str) -> dict[str, float]:
        taken = {}
        for count in (1, 1 + tasks):
            task = {"name": name, name: actions[name]}
            play = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task] * count}
            path = home / f"{count}.yml"
            path.write_text(json.dumps([play]), encoding="utf-8")
            taken[count] = playbook_cpu(home, str(path))
        return {"first": taken[1], "next": (taken[1 + tasks] - taken[1]) / tasks}

    with vxlan():
        for line in MADE:
            kernel.run("ip", *line.split())
        first = entries(1)[0]
        kernel.run("bridge", "fdb", "add", first["lladdr"], "dev", "vxlan0", "dst", first["dst"])
        sides = [lambda name=name: run(name) for name in actions]  # type: ignore[misc]
        theirs, *ours = alternate(repetitions, *sides)
    rows = []
    for module, taken in zip(modules, ours):
        rows += [
            Row(f"{module}, unchanged", taken["next"], "ansible.builtin.command: true", theirs["next"], 1.35),
            Row(f"{module}, a playbook of one such task", taken["first"], "the same with command", theirs["first"]),
        ]
    return Section(CALL, rows, CALL_TEXT.format(tasks=tasks))


def loop(home: pathlib.Path, repetitions: int) -> Section:
    """Many entries: one task of the module against one task that loops a command."""
    variables = home / "entries.json"
    variables.write_text(json.dumps({"bench_entries": entries(ENTRIES)}), encoding="utf-8")

    def run(name: str) -> float:
        with vxlan():
            seconds, _output = playbook(home, "-e", f"@{variables}", str(HERE / f"{name}.yml"))
            found = kernel.run("bridge", "fdb", "show", "dev", "vxlan0").count("\n")
            require(found == (0 if name == "empty" else ENTRIES), f"{name}.yml: other entries")
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
    rows = [
        Row(f"{what}, ansible-playbook from start to end", ours, other, theirs),
        # The goal is the task's: what ansible-playbook takes to start is the same in both, and half of ours.
        Row(
            f"{what}, without an empty playbook's {statistics.median(empty):.2f} s",
            list(map(sub, ours, empty)),
            other,
            list(map(sub, theirs, empty)),
            1 / 30,
        ),
    ]
    return Section("One task for many entries", rows, LOOP_TEXT)


def fabric(home: pathlib.Path, repetitions: int) -> Section:
    """The scenario on the three hosts of the lab: site.yml against the article's commands."""
    numbers = itertools.count(1)

    def run(path: pathlib.Path, proof: str) -> dict[str, float]:
        lab = new_lab(home, f"bench{next(numbers)}")
        first, first_until = playbook(home, *lab, str(path), until=proof)
        second, second_until = playbook(home, *lab, str(path), until=proof)
        return {"first": first, "first bare": first_until, "second": second, "second bare": second_until}

    ours, theirs = alternate(
        repetitions,
        lambda: run(PLAYBOOKS / "site.yml", "TASK [weft.fabric.verify : "),
        lambda: run(HERE / "article.yml", "PLAY [Proof]"),
    )
    rows = []
    for number, goal in (("first", 0.33), ("second", 0.25)):
        what, bare = f"site.yml on three hosts, {number} run", f"{number} bare"
        rows += [
            Row(what, ours[number], "article.yml", theirs[number], goal),
            Row(f"{what}, up to the proof", ours[bare], "article.yml, up to its proof", theirs[bare]),
        ]
    return Section("The article's scenario", rows, FABRIC_TEXT)
