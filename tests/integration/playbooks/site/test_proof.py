# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One thing at a time is broken behind a site's back: verify names the layer and the host, once."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Fabric, Run, host_vars

UNDO = ("nft", "delete", "table", "inet", "guard")
GUARD = "nft 'add table inet guard; add chain inet guard c {{ type filter hook {hook} priority 0; }}; {rule}'"


def guard(hook: str, rule: str) -> str:
    """The command that makes a chain with one rule."""
    return GUARD.format(hook=hook, rule=f"add rule inet guard c {rule}")


@contextlib.contextmanager
def broken(fabric: Fabric, host: str, command: str, undo: tuple[str, ...]) -> Iterator[Run]:
    """What verify says while something is broken on a node, and the node itself says the same."""
    fabric.node(host, "sh", "-c", command)
    try:
        proof = fabric.play("verify")
        assert_says_the_same(fabric, host, proof)
        yield proof
    finally:
        fabric.node(host, *undo)


def assert_says_the_same(fabric: Fabric, host: str, proof: Run) -> None:
    """weft-fabric prove on the culprit names the same layers with the same remedies."""
    done = fabric.prove(host)
    assert done.returncode == 1, done
    said = [re.findall(r"^    (layer|found|remedy): +(.*)$", text, re.MULTILINE) for text in (proof.text, done.stdout)]
    assert said[0] == said[1]
    rows = [
        re.findall(rf"^({host}\S* +\S+).*(ok|FAILED: .*)$", text, re.MULTILINE) for text in (proof.text, done.stdout)
    ]
    assert rows[0] == rows[1]


def assert_one_fault(proof: Run, host: str, text: str, layer: str) -> None:
    """The fault is said once, as plain text, and the host that has it is the only one that fails."""
    assert proof.rc == 2, proof.text
    assert proof.text.count(f"{host}: {text}\n") == 1, proof.text
    assert re.findall(r"^    layer:  (.*)$", proof.text, re.MULTILINE) == [layer]
    assert {name: recap["failed"] for name, recap in proof.hosts.items()} == {
        name: int(name == host) for name in ("network-1", "network-2")
    }
    rows = [line for line in proof.text.splitlines() if line.endswith(f"FAILED: {layer}")]
    assert rows and not [line for line in rows if line.startswith((" ", '"'))]
    assert f"{14 - len(rows)} of 14 pairs hold, {len(rows)} fail\n" in proof.text


def test_a_filtered_udp_port(shared: Fabric) -> None:
    with broken(shared, "network-2", guard("input", "udp dport 4789 drop"), UNDO) as proof:
        assert_one_fault(proof, "network-2", "UDP 4789 does not arrive", "encapsulation")
    assert "    found:  table inet guard, chain c, drops\n" in proof.text


IPTABLES = {"nft": "iptables-nft", "legacy": "iptables-legacy"}


@pytest.mark.parametrize("variant", IPTABLES)
def test_a_forward_policy(shared: Fabric, variant: str) -> None:
    program = IPTABLES[variant]
    if not shutil.which(program):
        pytest.skip(f"this machine has no {program}")
    undo = (program, "-P", "FORWARD", "ACCEPT")
    with broken(shared, "network-1", f"{program} -P FORWARD DROP", undo) as proof:
        assert_one_fault(proof, "network-1", "table ip filter, chain FORWARD, drops", "firewall")


def test_a_forward_chain(shared: Fabric) -> None:
    with broken(shared, "network-2", guard("forward", "drop"), UNDO) as proof:
        assert_one_fault(proof, "network-2", "table inet guard, chain c, drops", "firewall")


def test_tcp_that_is_dropped_while_pings_pass(shared: Fabric) -> None:
    with broken(shared, "network-1", guard("forward", "meta l4proto tcp drop"), UNDO) as proof:
        assert_one_fault(proof, "network-1", "TCP does not get through, though pings do", "TCP")
    assert "    found:  table inet guard, chain c, drops\n" in proof.text
    assert "tx-checksum-ip-generic off" in proof.text


def test_a_host_that_cannot_be_reached(shared: Fabric) -> None:
    """Its pods and addresses answer all the same. What it should have probed is not proved."""
    before = shared.inventory
    inventory = shared.inventory
    host_vars(inventory, "network-2").update(ansible_connection="ssh", ansible_host="127.0.0.1", ansible_port=1)
    shared.inventory = inventory
    try:
        proof = shared.play("verify")
    finally:
        shared.inventory = before
    assert proof.rc == 4, proof.text
    assert "7 of 14 pairs hold, 0 fail\n7 pairs not probed: network-2 is unreachable\n" in proof.text
    assert len(re.findall(r"^network-2.* not probed: unreachable$", proof.text, re.MULTILINE)) == 7
    assert "not in this run" not in proof.text
    assert (proof.hosts["network-1"]["failed"], proof.hosts["network-2"]["unreachable"]) == (0, 1)
