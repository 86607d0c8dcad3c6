# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full mesh: what the kernels of all hosts tell when one node comes, goes and is repaired."""

from __future__ import annotations

import json
import pathlib

from ansible_collections.weft.fabric.tests.bench import mesh
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import CAME, WENT, standing

COUNT = 4


def kinds(said: dict[str, list[kernel.Event]]) -> dict[str, list[str]]:
    return {host: sorted(event.kind for event in events) for host, events in said.items()}


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
