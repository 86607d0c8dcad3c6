# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook bandwidth on inventories/bandwidth.yml, with a few of its pods. Nothing asserts a speed."""

from __future__ import annotations

import copy
import json
import os
import pathlib
from collections.abc import Iterator

import pytest
import yaml

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import ROOT, Fabric, Run, standing

EXAMPLE = yaml.safe_load((ROOT / "inventories" / "bandwidth.yml").read_text(encoding="utf-8"))
NODES = ("node-1", "node-2")
POD = "pod-bridge1"
SENT = 1_000_000  # bytes that a second of iperf3 exceeds anywhere, and nothing else here does


@pytest.fixture(scope="module")
def fabric(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    inventory = copy.deepcopy(EXAMPLE)
    kept = inventory["all"]["vars"]
    kept["general_pods"] = [pod for pod in kept["general_pods"] if pod["name"] == POD]
    with standing(tmp_path_factory.mktemp("bandwidth"), inventory) as made:
        made.ok("site", "--skip-tags", "verify")
        yield made


def measure(fabric: Fabric, page: pathlib.Path, *more: str, **variables: object) -> Run:
    """One round of a second each."""
    given = {"bandwidth_seconds": 1, "bandwidth_rounds": 1, "bandwidth_file": str(page), **variables}
    return fabric.play("bandwidth", "-e", json.dumps(given), *more)


def rows(said: Run) -> dict[str, list[str]]:
    """The table's rows by their first words."""
    lines = [line.strip().strip('",') for line in said.text.splitlines() if line.startswith("        ")]
    return {line.split()[0]: line.split()[1:] for line in lines if line}


def counters(fabric: Fabric) -> dict[tuple[str, str], int]:
    """What interfaces of both nodes have received and sent so far, in bytes."""
    found = {}
    for node in NODES:
        for where, dev, enter in (("pod", "eth0", ["ip", "netns", "exec", POD]), ("node", "vxlan0", [])):
            (link,) = json.loads(fabric.node(node, *enter, "ip", "-json", "-stats", "link", "show", "dev", dev))
            for way in ("rx", "tx"):
                found[f"{node} {where} {dev}", way] = link["stats64"][way]["bytes"]
    return found


def iperf3_processes(fabric: Fabric) -> list[str]:
    """Those in the lab's nodes and their pods."""
    nodes = {os.stat(f"/run/weft/{fabric.lab}/{node}/uts").st_ino for node in NODES}
    found = []
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text(encoding="utf-8", errors="replace")
            if "iperf3" in command and (process / "ns" / "uts").stat().st_ino in nodes:
                found.append(command)
        except OSError:
            continue  # it has ended
    return found


def test_every_pair_is_measured_by_what_goes_through_it(fabric: Fabric, tmp_path: pathlib.Path) -> None:
    page = tmp_path / "found.html"
    before = counters(fabric)
    said = measure(fabric, page)
    assert said.rc == 0, said.text
    assert said.hosts["node-1"]["changed"] == 1, "the page"
    after = counters(fabric)
    # Both directions went through the pods, and between the nodes through the tunnel.
    assert {name: count for name, count in after.items() if count - before[name] < SENT} == {}
    table = rows(said)
    for name, ends in {
        "underlay": ["node-1", "node-2"],
        "vxlan": [f"node-1/{POD}", f"node-2/{POD}"],
    }.items():
        assert table[name][:2] == ends
        there, back, _ratio, udp_there, udp_back, _udp_ratio, lost, jitter, rtt, _rtt_ratio = map(
            float, table[name][2:]
        )
        assert min(there, back, udp_there, udp_back, rtt) > 0
        assert 0 <= lost <= 100
        assert jitter >= 0
    assert table["underlay"][4] == table["underlay"][-1] == "1.00"
    for name in ("ipvlan", "macvlan", "direct", "bridge", "ptp", "host", "fan"):
        assert table[name][:2] == ["not", "available:"]
    text = page.read_text(encoding="utf-8")
    assert text.count("<svg") == 3
    assert f"node-2/{POD}" in text
    assert iperf3_processes(fabric) == []


def test_a_pair_that_fails_is_named_and_its_servers_end(fabric: Fabric, tmp_path: pathlib.Path) -> None:
    pair = {"name": "mine", "from": f"node-1/{POD}", "to": f"node-2/{POD}"}
    fabric.node("node-2", "ip", "-n", POD, "route", "delete", "default")
    try:
        said = measure(fabric, tmp_path / "found.html", bandwidth_pairs=[pair], bandwidth_protocols=["tcp"])
    finally:
        fabric.node("node-2", "ip", "-n", POD, "route", "add", "default", "via", "10.244.1.1", "dev", "eth0")
    assert said.rc != 0
    assert "mine, round 1, tcp there: iperf3: " in said.text
    assert "mine, round 1, latency: " in said.text
    table = rows(said)
    assert table["mine"][2:] == ["-", "-", "-", "-", "-"]
    assert float(table["underlay"][2]) > 0, "the rest is measured and shown"
    assert iperf3_processes(fabric) == []


def test_in_check_mode_nothing_is_measured(fabric: Fabric, tmp_path: pathlib.Path) -> None:
    page = tmp_path / "found.html"
    before = counters(fabric)
    with fabric.names(*NODES) as names, kernel.Monitor(*names) as monitor:
        said = measure(fabric, page, "--check", "--diff")
    assert (said.rc, said.changed) == (0, {}), said.text
    assert "There is nothing to measure in check mode" in said.text
    assert monitor.changes == []
    assert not page.exists()
    after = counters(fabric)
    assert {name: count for name, count in after.items() if count - before[name] >= SENT} == {}


def test_bad_input_is_refused_in_one_line(fabric: Fabric, tmp_path: pathlib.Path) -> None:
    pair = {"from": f"node-1/{POD}", "to": "node-2/nobody"}
    said = measure(fabric, tmp_path / "found.html", bandwidth_pairs=[pair])
    assert said.rc != 0
    assert f"bandwidth_pairs[0].to: 'node-2/nobody' is refused: the pods of node-2 are {POD}" in said.text
    assert "Traceback" not in said.text


def test_a_host_without_iperf3_is_named(fabric: Fabric, tmp_path: pathlib.Path) -> None:
    program = tmp_path / "iperf3"
    program.touch()  # not executable
    fabric.node("node-2", "mount", "--no-mtab", "--bind", str(program), "/usr/bin/iperf3")
    try:
        said = measure(fabric, tmp_path / "found.html")
    finally:
        fabric.node("node-2", "umount", "--no-mtab", "/usr/bin/iperf3")
    assert said.rc != 0
    assert "node-2 has no iperf3: install the package iperf3" in said.text
    assert "node-1 has no iperf3" not in said.text
