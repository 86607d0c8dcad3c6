# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``weft-fabric prove`` on a host says what the playbook's proof would say of it, without a controller."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator

from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Fabric, article, host_vars

UNDO = "nft delete table inet guard"
GUARD = "nft 'add table inet guard; add chain inet guard c {{ type filter hook {} priority 0; }}; {}'"


@contextlib.contextmanager
def broken(fabric: Fabric, host: str, command: str, undo: str = UNDO) -> Iterator[None]:
    fabric.node(host, "sh", "-c", command)
    try:
        yield
    finally:
        fabric.node(host, "sh", "-c", undo)


def rows(text: str, source: str) -> list[str]:
    """What a proof says of each target of a host and its pods, without figures."""
    found = [line.split() for line in text.splitlines() if re.match(rf"{source}(/\S+)? +\S+ +\S+ +[-\d]", line)]
    return [" ".join((*row[:4], *row[9:])) if row[2] == "VTEP" else " ".join((*row[:3], *row[8:])) for row in found]


def test_a_host_that_works_says_what_the_playbook_says(shared: Fabric) -> None:
    stored = ("stat", "-Lc", "%i %Y %Z", "/etc/weft/current/proof.json", "/etc/weft/current")
    before = shared.node("network-1", *stored)
    playbook = shared.ok("verify")
    assert shared.node("network-1", *stored) == before, "what is stored already is not written again"
    for host in ("network-1", "network-2"):
        done = shared.prove(host)
        assert done.returncode == 0, done
        assert len(rows(done.stdout, host)) == 7
        assert rows(done.stdout, host) == rows(playbook.text, host)
        assert done.stdout.endswith("\n7 of 7 pairs hold, 0 fail\n")
    found = json.loads(shared.prove("network-1", "--json").stdout)
    assert (found["host"], found["pairs"], found["hold"], found["faults"]) == ("network-1", 7, 7, [])
    assert found["generation"] > 0 and found["revision"]


def test_a_missing_entry(shared: Fabric) -> None:
    flush = "bridge fdb show dev vxlan0 | sed 's/ self permanent//; s/^/bridge fdb delete /; s/$/ dev vxlan0/' | sh"
    with broken(shared, "network-1", flush, "weft-fabric apply"):
        done = shared.prove("network-1")
        found = json.loads(shared.prove("network-1", "--json").stdout)
    assert done.returncode == 1
    assert "\n\nnetwork-1: FDB entries are missing\n    layer:  FDB\n" in done.stdout
    assert "    remedy: run weft.fabric.site on the host" in done.stdout
    assert ([fault["layer"] for fault in found["faults"]], found["fail"] + found["hold"]) == (["FDB"], 7)
    assert shared.prove("network-1").returncode == 0


def test_a_fault_of_the_other_end(shared: Fabric) -> None:
    """From one end it cannot be told which of the two it is, and the command says so."""
    with broken(shared, "network-2", GUARD.format("input", "add rule inet guard c udp dport 4789 drop")):
        done = shared.prove("network-1")
    assert done.returncode == 1
    assert "\nnetwork-1 and network-2: UDP 4789 does not arrive\n    layer:  encapsulation\n" in done.stdout
    assert "network-1 alone has been looked at: the playbook weft.fabric.verify looks at both ends" in done.stdout


def targets(fabric: Fabric, host: str) -> set[str]:
    return {row["to"] for row in json.loads(fabric.prove(host, "--json").stdout)["results"]}


def test_the_targets_are_stored_with_the_generation(shared: Fabric) -> None:
    """With a change, before any proof; those on other hosts with the next proof; and a rollback has its own again."""
    before = {host: targets(shared, host) for host in ("network-1", "network-2")}
    inventory = article("shared")
    host_vars(inventory, "network-1")["pods_pods"].append({"name": "pod9", "address": "172.2.0.9"})
    shared.inventory = inventory
    try:
        shared.ok("site", "--skip-tags", "verify")
        assert targets(shared, "network-1") == {*before["network-1"], "network-1/pod9"}
        assert targets(shared, "network-2") == before["network-2"]
        shared.ok("verify")
        assert targets(shared, "network-2") == {*before["network-2"], "network-1/pod9"}
        shared.node("network-1", "weft-fabric", "rollback")
        assert targets(shared, "network-1") == before["network-1"]
        assert shared.prove("network-1").returncode == 0
    finally:
        shared.inventory = article("shared")
        shared.ok("site")


def test_a_host_without_pods_has_nothing_to_prove(shared: Fabric) -> None:
    done = shared.prove("router")
    assert (done.returncode, done.stdout[:27]) == (0, "there is nothing to prove: ")
