# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What happens to a site behind its back: verify names the layer, and a repair restores just that."""

from __future__ import annotations

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import MAC, Fabric, Run

IP = ("ip",)
IN_POD = ("ip", "netns", "exec", "pod1")
DRIFT = [
    # what happens, where, the command, the layer that verify names, the diff of the repair
    (
        "ip_forward of the router is reset",
        "router",
        ("sysctl", "-qw", "net.ipv4.ip_forward=0"),
        "underlay",
        # Switching it off has switched accept_redirects on.
        {"-net.ipv4.ip_forward = 0", "+net.ipv4.ip_forward = 1",
         "-net.ipv4.conf.all.accept_redirects = 1", "+net.ipv4.conf.all.accept_redirects = 0"},
    ),
    (
        "the management route is lost",
        "network-1",
        (*IP, "route", "delete", "192.168.2.0/24"),
        "underlay",
        {"+route 192.168.2.0/24 via 192.168.1.213 dev enp1s0 src 192.168.1.138"},
    ),
    (
        "the FDB entry is lost",
        "network-1",
        ("bridge", "fdb", "delete", MAC["network-2"], "dev", "vxlan0", "dst", "192.168.2.142"),
        "FDB",
        {f"+fdb vxlan0 {MAC['network-2']} dst 192.168.2.142"},
    ),
    (
        "the FDB entry points elsewhere",
        "network-1",
        ("bridge", "fdb", "replace", MAC["network-2"], "dev", "vxlan0", "dst", "192.168.2.9"),
        "FDB",
        {f"-fdb vxlan0 {MAC['network-2']} dst 192.168.2.9", f"+fdb vxlan0 {MAC['network-2']} dst 192.168.2.142"},
    ),
    (
        "the FDB entry of the way back is lost",
        "network-2",
        ("bridge", "fdb", "delete", MAC["network-1"], "dev", "vxlan0", "dst", "192.168.1.138"),
        "FDB",
        {f"+fdb vxlan0 {MAC['network-1']} dst 192.168.1.138"},
    ),
    (
        "the neighbour is lost",
        "network-1",
        (*IP, "neigh", "delete", "172.2.1.0", "dev", "vxlan0"),
        "neighbour",
        {f"+neighbour vxlan0 172.2.1.0 lladdr {MAC['network-2']}"},
    ),
    (
        "the route is lost",
        "network-1",
        (*IP, "route", "delete", "172.2.1.0/24"),
        "route",
        {"+route 172.2.1.0/24 via 172.2.1.0 dev vxlan0 onlink"},
    ),
    (
        "ip_forward of a node is reset",
        "network-1",
        ("sysctl", "-qw", "net.ipv4.ip_forward=0"),
        "forwarding",
        {"-net.ipv4.ip_forward = 0", "+net.ipv4.ip_forward = 1",
         "-net.ipv4.conf.all.accept_redirects = 1", "+net.ipv4.conf.all.accept_redirects = 0"},
    ),
    (
        "the pod's default route is lost",
        "network-1",
        (*IN_POD, "ip", "route", "delete", "default"),
        "route",
        {"+netns pod1: route default via 172.2.0.1 dev vceth0 src 172.2.0.2"},
    ),
    (
        "the pod's cable is down",
        "network-1",
        (*IP, "link", "set", "veth0", "down"),
        "forwarding",
        {"-link veth0 down", "+link veth0 up"},
    ),
    (
        "the VTEP's MTU is lowered",
        "network-1",
        (*IP, "link", "set", "vxlan0", "mtu", "1400"),
        "MTU",
        {"-link vxlan0 mtu 1400", "+link vxlan0 mtu 1450"},
    ),
]  # fmt: skip


def failed(proof: Run) -> list[str]:
    """The hosts on which a proof is booked as failed."""
    return [host for host, recap in proof.hosts.items() if recap["failed"]]


def test_a_host_whose_overlay_is_gone_is_repaired_alone(shared: Fabric) -> None:
    shared.node("network-1", "ip", "link", "delete", "vxlan0")
    with shared.names("network-2", "router") as names, kernel.Monitor(*names) as monitor:
        done = shared.ok("site", "--limit", "network-1")
    assert monitor.changes == []
    assert "7 of 7 pairs hold, 0 fail" in done.text


@pytest.mark.parametrize(
    ("host", "command", "layer", "repaired"), [case[1:] for case in DRIFT], ids=[case[0] for case in DRIFT]
)
def test_drift_is_named_and_repaired(
    shared: Fabric, host: str, command: tuple[str, ...], layer: str, repaired: set[str]
) -> None:
    """By verify, and by the host itself, which needs no playbook for it."""
    shared.node(host, *command)
    proof = shared.play("verify")
    assert proof.rc == 2, proof.text
    assert f"FAILED: {layer}" in proof.text
    assert f"    layer:  {layer}\n" in proof.text
    told = shared.node(host, "weft-fabric", "apply").splitlines()
    assert {line.split(": ", 1)[1].replace(" ", "", 1) for line in told} == repaired
    assert shared.node(host, "weft-fabric", "diff") == ""


def test_drift_of_all_hosts_is_repaired_by_one_run(shared: Fabric) -> None:
    """All of it at once; the FDB entry is lost, or points elsewhere."""
    chosen = [case[1:] for case in DRIFT if case[0] != "the FDB entry is lost"]
    for host, command, _layer, _repaired in chosen:
        shared.node(host, *command)
    done = shared.ok("site", "--diff")
    assert done.changed == dict.fromkeys(("router", "network-1", "network-2"), 1)
    assert done.plan == {
        "~ net.ipv4.ip_forward = 1 (was 0)",
        "~ net.ipv4.conf.all.accept_redirects = 0 (was 1)",
        "+ route 192.168.2.0/24 via 192.168.1.213 dev enp1s0 src 192.168.1.138",
        f"~ fdb vxlan0 {MAC['network-2']} dst 192.168.2.142 (was 192.168.2.9)",
        f"+ fdb vxlan0 {MAC['network-1']} dst 192.168.1.138",
        f"+ neighbour vxlan0 172.2.1.0 lladdr {MAC['network-2']}",
        "+ route 172.2.1.0/24 via 172.2.1.0 dev vxlan0 onlink",
        "+ netns pod1: route default via 172.2.0.1 dev vceth0 src 172.2.0.2",
        "~ link veth0 up (was down)",
        "~ link vxlan0 mtu 1450 (was 1400)",
    }
    assert "14 of 14 pairs hold, 0 fail" in done.text


def test_a_dead_server_is_http(shared: Fabric) -> None:
    pid = shared.node("network-2", "ip", "netns", "pids", "pod2").strip()
    shared.node("network-2", "kill", "-9", pid)
    proof = shared.play("verify")
    assert proof.rc == 2
    assert failed(proof) == ["network-2"]
    assert proof.text.count("network-2: echo servers do not answer\n") == 1
    assert shared.ok("site").changed == {"network-2": 1}


def test_nat_between_pods_is_seen(shared: Fabric) -> None:
    """Somebody else's rule, which no run of ours takes away."""
    chain = "add table ip other; add chain ip other post { type nat hook postrouting priority 90; }; "
    rule = "add rule ip other post ip saddr 172.2.0.0/24 oifname vxlan0 masquerade"
    shared.node("network-1", "nft", chain + rule)
    try:
        proof = shared.play("verify")
        assert proof.rc == 2
        assert failed(proof) == ["network-1"]
        assert proof.text.count("network-1: source addresses are translated\n") == 1
        assert "    found:  sent from 172.2.0.2, but the server saw 172.2.0.0\n" in proof.text
        assert shared.play("site").changed == {}
    finally:
        shared.node("network-1", "nft", "delete", "table", "ip", "other")
