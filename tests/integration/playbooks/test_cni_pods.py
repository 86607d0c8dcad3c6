# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods of a node in CNI networks: by the role, after a reboot, and taken away again."""

from __future__ import annotations

import json
import pathlib
import re
from typing import Any

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.cni import SLIDES, asked
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import article, assert_proved, standing

POD = {"name": "pod1", "network": {"driver": "cni", "config": SLIDES}}
ASKING = {"name": "pod2", "address": "10.22.0.9", "network": {"driver": "cni", "config": json.loads(SLIDES)}}
# Beside the host, which it does not reach.
ASIDE = {
    "name": "pod4",
    "network": {
        "driver": "cni",
        "config": {
            "cniVersion": "1.0.0",
            "name": "aside",
            "type": "macvlan",
            "master": "enp1s0",
            "ipam": {"type": "static", "addresses": [{"address": "192.168.1.41/24"}]},
        },
    },
}
FILES = ("find", "/var/lib/cni", "-name", "10.*")
# All that the pods consist of, and the rules; what is on the disk stays.
REBOOT = r"""
set -e
for namespace in pod1 pod2 pod3 pod4; do
    ip netns pids "$namespace" | xargs -r kill
    ip -n "$namespace" link delete eth0
    ip netns delete "$namespace"
done
ip link delete cni0
nft flush ruleset
"""
OTHERS = r"""
set -e
ip netns add others
ip link add other master cni0 up type veth peer name eth0 netns others
ip address add 10.99.0.1/24 dev cni0
ip -n others address add 10.22.0.200/16 dev eth0
ip -n others address add 10.99.0.2/24 dev eth0
ip -n others link set eth0 up
"""
IN_OTHERS = ("ip", "netns", "exec", "others")


def scenario(*pods: dict[str, Any]) -> Any:
    found = article("cni")
    found["all"]["children"]["nodes"]["hosts"]["network-1"]["pods_pods"] = list(pods)
    return found


def test_the_role_pods(tmp_path: pathlib.Path) -> None:
    """The slides' own example as it is, beside a pod of the overlay."""
    host = "network-1"
    beside = {"name": "pod3", "address": "172.2.0.2"}
    with standing(tmp_path, scenario(POD, ASKING, beside, ASIDE)) as fabric:
        before = fabric.snapshot(host)
        coming = fabric.ok("site", "--check", "--diff")
        assert fabric.snapshot(host) == before
        assert fabric.node(host, "find", "/var/lib", "-path", "*/cni/*", "-type", "f") == ""
        done = fabric.ok("site", "--diff")
        told = {
            "+ address 10.22.0.2 of network mynet for eth0 of pod1",
            "+ address 10.22.0.9 of network mynet for eth0 of pod2",
        }
        assert told <= coming.plan & done.plan
        assert [*sorted(fabric.node(host, *FILES).split())] == [
            "/var/lib/cni/networks/mynet/10.22.0.2", "/var/lib/cni/networks/mynet/10.22.0.9",
        ]  # fmt: skip

        expected = {
            ("network-1", "network-1/pod1 10.22.0.2"): "ok",
            ("network-1/pod1", "network-1/pod2 10.22.0.9"): "ok",
            ("network-1/pod2", "network-1 underlay"): "ok",
            ("network-1", "network-1/pod4 192.168.1.41"): "isolated",
            ("network-1/pod4", "network-1 underlay"): "isolated",
        }
        assert_proved(done.text, expected)

        def packets() -> None:
            # Each pod reaches its host, and its neighbour; and others get to see the host's address.
            for target in ("10.22.0.1", "10.22.0.9", "192.168.1.138", "192.168.1.213"):
                assert "2 received" in fabric.node(host, "ip", "netns", "exec", "pod1", "ping", "-c2", "-i0.2", target)
            assert " 0% packet loss" in fabric.node(host, "ping", "-c2", "-i0.2", "10.22.0.2")

        packets()
        with fabric.names(host) as names, kernel.Monitor(*names) as monitor:
            again = fabric.ok("site", "--diff")
        assert (again.changed, asked(monitor.changes)) == ({}, [])
        shown = json.loads(fabric.node(host, "weft-fabric", "show", "pods"))["pods"]["state"]["cni"]
        assert [result["ip4"]["ip"] for result in shown if "ip4" in result] == ["10.22.0.2/16", "10.22.0.9/16"]

        fabric.node(host, "ip", "-n", "pod1", "link", "set", "eth0", "down")
        proof = fabric.play("verify")
        assert proof.rc != 0
        assert re.search(r"^network-1 +network-1/pod1 10\.22\.0\.2 .* FAILED: pod$", proof.text, re.MULTILINE)

        fabric.node(host, "sh", "-c", REBOOT)
        fabric.node(host, "weft-fabric", "apply")
        assert fabric.node(host, "weft-fabric", "diff") == ""
        packets()
        assert fabric.ok("site").changed == {}

        fabric.inventory = scenario(ASKING, beside, ASIDE)
        gone = fabric.ok("site", "--diff")
        assert "- address 10.22.0.2 of network mynet for eth0 of pod1" in gone.plan
        assert fabric.node(host, *FILES).split() == ["/var/lib/cni/networks/mynet/10.22.0.9"]
        assert "10.22.0.2" not in fabric.node(host, "nft", "list", "ruleset")

        # Somebody else's container on the bridge, with a network of its own there.
        fabric.node(host, "sh", "-c", OTHERS)
        fabric.inventory = scenario(ASKING, beside, ASIDE)
        again = fabric.ok("site", "--diff")
        assert (again.changed, again.plan) == ({}, set())
        stays = "link cni0 stays: it has ports that are not listed, other"
        for more in ("--check",), ():
            said = " ".join(fabric.ok("teardown", *more).text.split())
            assert stays in said
        assert fabric.node(host, *FILES) == ""
        for target in ("10.22.0.1", "10.99.0.1"):
            assert " 0% packet loss" in fabric.node(host, *IN_OTHERS, "ping", "-c2", "-i0.2", target)
        forwarding = ("sysctl", "-n", "net.ipv4.ip_forward")
        assert fabric.node(host, *forwarding).strip() == "1"
        again = fabric.ok("teardown")
        assert (again.changed, stays in " ".join(again.text.split())) == ({}, True)
        fabric.node(host, "ip", "link", "delete", "other")
        fabric.node(host, "ip", "netns", "delete", "others")
        fabric.node(host, "sh", "-c", "umount --no-mtab /run/netns && rmdir /run/netns")  # ip(8) leaves it
        fabric.ok("teardown")
        after = fabric.snapshot(host)
        assert [part for part in before if after[part] != before[part]] == []
        assert fabric.node(host, *FILES) == ""
        assert fabric.ok("teardown").changed == {}
