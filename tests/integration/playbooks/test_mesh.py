# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full mesh: what the kernels of all hosts tell when one node comes, goes and is repaired."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Sequence

from ansible_collections.weft.fabric.tests.bench import mesh
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import CAME, WENT, Fabric, standing

COUNT = 4


def kinds(said: dict[str, list[kernel.Event]]) -> dict[str, list[str]]:
    return {host: sorted(event.kind for event in events) for host, events in said.items()}


def generations(fabric: Fabric, hosts: Sequence[str]) -> list[int]:
    """The number of each host's generation."""
    said = [json.loads(fabric.node(host, "weft-fabric", "history", "--json")) for host in hosts]
    return [one["generations"][-1]["number"] for one in said]


def assert_batches_stop(fabric: Fabric, hosts: Sequence[str]) -> None:
    """A pair that fails between nodes that have been changed keeps the next batches as they are."""
    before = generations(fabric, hosts)
    inventory = mesh.inventory(COUNT)
    inventory["all"]["vars"]["overlay_resync"] = 90
    fabric.inventory = inventory
    deaf = "add table inet wire; add chain inet wire c { type filter hook input priority 0; udp dport 4789 drop; }"
    fabric.node(hosts[1], "nft", deaf)
    try:
        with fabric.told(hosts[2:]) as said:
            run = fabric.play("site", "-e", "site_batch=1")
    finally:
        fabric.node(hosts[1], "nft", "delete", "table", "inet", "wire")
    assert run.rc == 2, run.text
    assert not any(said.values()), said
    assert generations(fabric, hosts) == [before[0] + 1, before[1] + 1, *before[2:]], run.text
    totals = re.findall(r"^(\d+ of 36 pairs hold, \d+ fail)\n(\d+ pairs unproved: .*)$", run.text, re.MULTILINE)
    assert totals == [
        ("6 of 36 pairs hold, 0 fail", f"30 pairs unproved: {hosts[1]}, {hosts[2]} and {hosts[3]} are not changed yet"),
        ("7 of 36 pairs hold, 9 fail", f"20 pairs unproved: {hosts[2]} and {hosts[3]} are not changed yet"),
    ]
    assert re.findall(rf"^{hosts[1]} .*{hosts[0]} VTEP .* (\S+: \S+)$", run.text, re.MULTILINE) == [
        "FAILED: encapsulation"
    ]
    assert run.text.count(f"{hosts[1]}: UDP 4789 does not arrive\n") == 1, run.text
    assert [run.hosts[host]["failed"] for host in hosts] == [0, 1, 0, 0]

    again = fabric.ok("site", "-e", "site_batch=1")
    assert generations(fabric, hosts) == [number + 1 for number in before]
    assert {*again.changed} == {*hosts[2:]}
    failed = re.findall(r"^\d+ of \d+ pairs hold, (\d+) fail$", again.text, re.MULTILINE)
    assert failed == ["0", "0", "0"], "two batches, and all"


def test_one_node_comes_goes_and_is_repaired(tmp_path: pathlib.Path) -> None:
    hosts = [mesh.name(number) for number in range(COUNT)]
    added, vtep = mesh.name(COUNT), f"10.244.{COUNT}.0"
    with standing(tmp_path, mesh.inventory(COUNT)) as fabric:
        fabric.ok("site", "-e", f"verify_directory={tmp_path}/proof", "-e", "verify_scope=sample")
        found = json.loads((tmp_path / "proof" / "matrix.json").read_text(encoding="utf-8"))
        assert found["nodes"] == hosts
        assert all(isinstance(cell, float) for row in found["cells"] for cell in row), "of four nodes each probes all"
        assert (tmp_path / "proof" / "matrix.svg").read_text(encoding="utf-8").startswith("<svg")
        proof = json.loads((tmp_path / "proof" / "proof.json").read_text(encoding="utf-8"))
        assert (proof["hold"], proof["fail"], proof["faults"]) == (proof["pairs"], 0, [])
        assert (tmp_path / "proof" / "junit.xml").read_text(encoding="utf-8").count("<testcase") == proof["pairs"]

        assert_batches_stop(fabric, hosts)
        fabric.inventory = mesh.inventory(COUNT + 1)
        fabric.ok("lab")
        with fabric.told(hosts, vtep) as said:
            done = fabric.ok("site")
        assert kinds(said) == dict.fromkeys(hosts, CAME), said
        # Its routes are of the overlay's document: nothing else of a host changes but that.
        assert {host: done.changed[host] for host in hosts} == dict.fromkeys(hosts, 1)

        fabric.ok("teardown", "--limit", added)
        fabric.inventory = mesh.inventory(COUNT)
        with fabric.told(hosts, vtep) as said:
            done = fabric.ok("site")
        assert kinds(said) == dict.fromkeys(hosts, WENT), said
        assert done.changed == dict.fromkeys(hosts, 1)

        fabric.node(hosts[1], "ip", "link", "delete", "vxlan0")
        others = [host for host in hosts if host != hosts[1]]
        with fabric.told(others) as said:
            done = fabric.ok("site", "--limit", hosts[1])
        assert not any(said.values()), said
        assert done.changed == {hosts[1]: 1}
