# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The article's scenario by site, verify and teardown, and what the kernel of each node says of it."""

from __future__ import annotations

import json
import pathlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.plugin_utils import overlay
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Fabric, article, standing

NODES = ("network-1", "network-2")
HOSTS = (*NODES, "router")
MAC = {name: overlay.vtep_mac(10, name) for name in NODES}


@pytest.fixture
def fabric(tmp_path: pathlib.Path) -> Iterator[Fabric]:
    """The article's three machines, nothing configured yet."""
    with standing(tmp_path, article()) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """One fabric that stands, for tests that leave it as they found it."""
    with standing(tmp_path_factory.mktemp("fabric"), article("shared")) as made:
        made.ok("site")
        yield made


def test_check_mode_before_the_first_run(fabric: Fabric) -> None:
    before = {host: fabric.snapshot(host) for host in HOSTS}
    with fabric.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
        said = fabric.ok("site", "--check", "--diff")
    assert monitor.changes == []
    assert {host: fabric.snapshot(host) for host in HOSTS} == before
    coming = [
        "+route 192.168.2.0/24 via 192.168.1.213 dev enp1s0 src 192.168.1.138",
        '+\t\tip saddr 192.168.1.0/24 oifname "enp2s0" masquerade',
        "+net.ipv4.ip_forward = 1",
        f"+fdb vxlan0 {MAC['network-2']} dst 192.168.2.142",
        f"+neighbour vxlan0 172.2.1.0 lladdr {MAC['network-2']}",
        "+route 172.2.1.0/24 via 172.2.1.0 dev vxlan0 onlink",
        "+address br0 172.2.0.1/24",
        "+netns pod1: address vceth0 172.2.0.2/24",
        "+netns pod2: route default via 172.2.1.1 dev vceth0 src 172.2.1.2",
        "+pod2: port 8000, new",
    ]
    assert [line for line in coming if line not in said.diff] == []
    (vxlan,) = {line for line in said.diff if line.startswith("+link vxlan0 type vxlan") and "192.168.1.138" in line}
    assert "vni 10 " in vxlan
    assert vxlan.endswith("mtu 1450")
    assert "nothing to probe in check mode" in said.text
    done = fabric.ok("site", "--diff")
    assert done.diff >= {line for line in said.diff if "rp_filter" not in line}, "what was said is what was done"


def test_the_article(shared: Fabric) -> None:
    """The article's own lines, MACs aside."""
    one, two = NODES
    assert shared.node(one, "bridge", "fdb", "show", "dev", "vxlan0").splitlines() == [
        f"{MAC[two]} dst 192.168.2.142 self permanent"
    ]
    assert shared.node(one, "ip", "neigh", "show", "dev", "vxlan0").split() == [
        "172.2.1.0", "lladdr", MAC[two], "PERMANENT",
    ]  # fmt: skip
    shown = shared.node(one, "ip", "route").splitlines()
    routes = [re.sub(" proto (119|120)", "", line).strip() for line in shown]
    assert routes == [
        "172.2.0.0/24 dev br0 proto kernel scope link src 172.2.0.1",
        "172.2.1.0/24 via 172.2.1.0 dev vxlan0 onlink",
        "192.168.1.0/24 dev enp1s0 proto kernel scope link src 192.168.1.138",
        "192.168.2.0/24 via 192.168.1.213 dev enp1s0 src 192.168.1.138",
    ]
    (vxlan,) = json.loads(shared.node(one, "ip", "-json", "-details", "address", "show", "dev", "vxlan0"))
    assert (vxlan["mtu"], vxlan["address"]) == (1450, MAC[one])
    info = vxlan["linkinfo"]["info_data"]
    assert (info["id"], info["local"], info["link"], info["port"]) == (10, "192.168.1.138", "enp1s0", 4789)
    assert info["learning"] is False
    assert [(row["local"], row["prefixlen"]) for row in vxlan["addr_info"] if row["family"] == "inet"] == [
        ("172.2.0.0", 32)
    ]


@pytest.mark.parametrize(
    ("inside", "address", "ttl"),
    [([], "192.168.2.142", 63), ([], "172.2.1.0", 64), ([], "172.2.1.2", 63), (["pod1"], "172.2.1.2", 62)],
)
def test_the_articles_pings(shared: Fabric, inside: list[str], address: str, ttl: int) -> None:
    enter = ["ip", "netns", "exec", *inside] if inside else []
    said = shared.node("network-1", *enter, "ping", "-c3", "-i0.2", address)
    assert said.count(f"ttl={ttl} ") == 3, said


@pytest.mark.parametrize(("inside", "source"), [([], "172.2.0.0"), (["pod1"], "172.2.0.2")])
def test_the_articles_echo(shared: Fabric, inside: list[str], source: str) -> None:
    enter = ["ip", "netns", "exec", *inside] if inside else []
    answer = json.loads(shared.node("network-1", *enter, "curl", "-s", "172.2.1.2:8000/echo"))
    assert answer["header"]["Accept"] == ["*/*"]
    assert answer["body"] == "Echo response"
    assert answer["client"] == source, "no NAT between pods"


def test_the_second_run_asks_the_kernel_for_nothing(shared: Fabric) -> None:
    with shared.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
        again = shared.ok("site", "--diff")
    assert again.changed == {}
    assert again.diff == set()
    assert monitor.changes == []
    assert "14 of 14 pairs hold, 0 fail" in again.text


def test_check_mode_on_what_stands(shared: Fabric) -> None:
    assert shared.ok("site", "--check", "--diff").changed == {}


def test_teardown_leaves_nothing(fabric: Fabric) -> None:
    before = {host: fabric.snapshot(host) for host in HOSTS}
    fabric.ok("site")
    check = fabric.ok("teardown", "--check", "--diff")
    done = fabric.ok("teardown", "--diff")
    assert check.changed == done.changed
    for host in HOSTS:
        after = fabric.snapshot(host)
        assert [part for part in before[host] if after[part] != before[host][part]] == [], host
    assert fabric.ok("teardown").changed == {}


def test_one_host_alone(fabric: Fabric) -> None:
    said = fabric.ok("site", "--limit", "network-1")
    assert list(said.hosts) == ["network-1"]
    assert "unproved: underlay" in said.text
    for host in ("network-2", "router"):
        assert "vxlan0" not in fabric.node(host, "ip", "link")
    fabric.ok("site", "-e", "target=router")
    done = fabric.ok("site", "-e", "target=network-2")
    assert list(done.hosts) == ["network-2"]
    assert "7 of 7 pairs hold, 0 fail" in done.text


def test_a_host_whose_overlay_is_gone_is_repaired_alone(shared: Fabric) -> None:
    shared.node("network-1", "ip", "link", "delete", "vxlan0")
    with shared.names("network-2", "router") as names, kernel.Monitor(*names) as monitor:
        done = shared.ok("site", "--limit", "network-1")
    assert monitor.changes == []
    assert "7 of 7 pairs hold, 0 fail" in done.text


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
    assert [line for line in proof.text.splitlines() if f": {layer}: " in line and " -> " in line], proof.text
    told = shared.node(host, "weft-fabric", "apply").splitlines()
    assert {line.split(": ", 1)[1].replace(" ", "", 1) for line in told} == repaired
    assert shared.node(host, "weft-fabric", "diff") == ""


def test_drift_of_all_hosts_is_repaired_by_one_run(shared: Fabric) -> None:
    """All of it at once; the FDB entry is lost, or points elsewhere."""
    chosen = [case[1:] for case in DRIFT if case[0] != "the FDB entry is lost"]
    for host, command, _layer, _repaired in chosen:
        shared.node(host, *command)
    done = shared.ok("site", "--diff")
    assert done.changed == {"router": 1, "network-1": 3, "network-2": 1}
    assert done.diff == set().union(*(case[-1] for case in chosen))
    assert "14 of 14 pairs hold, 0 fail" in done.text


def test_a_dead_server_is_http(shared: Fabric) -> None:
    pid = shared.node("network-2", "ip", "netns", "pids", "pod2").strip()
    shared.node("network-2", "kill", "-9", pid)
    proof = shared.play("verify")
    assert proof.rc == 2
    assert "network-1/pod1 -> network-2/pod2 172.2.1.2: HTTP: " in proof.text
    assert shared.ok("site").changed == {"network-2": 1}


def test_nat_between_pods_is_seen(shared: Fabric) -> None:
    """Somebody else's rule, which no run of ours takes away."""
    chain = "add table ip other; add chain ip other post { type nat hook postrouting priority 90; }; "
    rule = "add rule ip other post ip saddr 172.2.0.0/24 oifname vxlan0 masquerade"
    shared.node("network-1", "nft", chain + rule)
    try:
        proof = shared.play("verify")
        assert proof.rc == 2
        assert (
            "network-1/pod1 -> network-2/pod2 172.2.1.2: NAT: sent from 172.2.0.2, but the server saw 172.2.0.0"
            in proof.text
        )
        assert shared.play("site").changed == {}
    finally:
        shared.node("network-1", "nft", "delete", "table", "ip", "other")


def host_vars(inventory: Any, host: str) -> Any:
    return next(group["hosts"][host] for group in inventory["all"]["children"].values() if host in group["hosts"])


def test_pods_come_and_go(fabric: Fabric) -> None:
    fabric.ok("site")
    inventory = article()
    pods = host_vars(inventory, "network-1")["pods_pods"]
    pods.append({"name": "pod3", "address": "172.2.0.3"})
    inventory["all"]["vars"]["pods_masquerade"] = True
    fabric.inventory = inventory
    done = fabric.ok("site", "--diff")
    assert set(done.changed) == set(NODES)
    assert "22 of 22 pairs hold, 0 fail" in done.text, "pods are not masqueraded from each other"
    assert "masquerade" in fabric.node("network-1", "nft", "list", "table", "inet", "weft_pods")
    pid = fabric.node("network-1", "ip", "netns", "pids", "pod1")

    pods[-1] = {"name": "pod3", "state": "absent"}
    inventory["all"]["vars"]["pods_masquerade"] = False
    fabric.inventory = inventory
    done = fabric.ok("site")
    assert "14 of 14 pairs hold, 0 fail" in done.text
    assert fabric.node("network-1", "ip", "netns", "list").split()[0] == "pod1"
    assert "pod3" not in fabric.node("network-1", "ip", "netns", "list")
    assert "weft_pods" not in fabric.node("network-1", "nft", "list", "tables")
    assert fabric.node("network-1", "ip", "netns", "pids", "pod1") == pid, "the other pod went on"
    assert fabric.ok("site").changed == {}


def test_what_leaves_the_overlay_is_masqueraded_on_request(fabric: Fabric) -> None:
    inventory = article()
    inventory["all"]["vars"]["pods_masquerade"] = True
    fabric.inventory = inventory
    fabric.ok("site")
    fabric.node("router", "ip", "address", "add", "203.0.113.1/32", "dev", "lo")
    for node, router in (("network-1", "192.168.1.213"), ("network-2", "192.168.2.216")):
        fabric.node(node, "ip", "route", "add", "203.0.113.0/24", "via", router)
    said = fabric.node("network-1", "ip", "netns", "exec", "pod1", "ping", "-c1", "-W2", "203.0.113.1")
    assert "ttl=63" in said, "the router has no route to a pod, but one to the pod's node"


def ipv6() -> Any:
    """The article's scenario in IPv6, outside and inside."""
    inventory = article()
    inventory["all"]["vars"]["overlay_cidr"] = "fd00:10:244::/48"
    for number, (host, router) in enumerate(zip(NODES, ("2001:db8:1::213", "2001:db8:2::216"))):
        variables = host_vars(inventory, host)
        address = f"2001:db8:{number + 1}::1"
        variables["lab_interfaces"][0]["addresses"] = [f"{address}/64"]
        variables["overlay_node"]["address"] = address
        variables["mgmt_routing_routes"] = [
            {"dst": f"2001:db8:{2 - number}::/64", "via": router, "dev": "enp1s0", "src": address}
        ]
        variables["pods_pods"][0]["address"] = f"fd00:10:244:{number}::2"
    router_vars = host_vars(inventory, "router")
    for interface, address in zip(router_vars["lab_interfaces"], ("2001:db8:1::213/64", "2001:db8:2::216/64")):
        interface["addresses"] = [address]
    router_vars["mgmt_routing_forward"] = ["ipv6"]
    router_vars["masquerade_rules"] = []
    return inventory


def test_ipv6_outside_and_inside(tmp_path: pathlib.Path) -> None:
    with standing(tmp_path, ipv6()) as fabric:
        before = {host: fabric.snapshot(host) for host in HOSTS}
        done = fabric.ok("site")
        assert "14 of 14 pairs hold, 0 fail" in done.text
        assert "1430" in done.text, "an IPv6 underlay costs 70 bytes"
        assert fabric.ok("site").changed == {}
        fabric.ok("teardown")
        for host in HOSTS:
            after = fabric.snapshot(host)
            assert [part for part in before[host] if after[part] != before[host][part]] == [], host


def dual(inventory: Any) -> Any:
    """The same with an overlay of both families."""
    inventory["all"]["vars"].update(overlay_cidr=["172.2.0.0/16", "fd00:10:244::/48"], pods_masquerade=True)
    for number, host in enumerate(NODES):
        pod = host_vars(inventory, host)["pods_pods"][0]
        pod["address"] = [f"172.2.{number}.2", f"fd00:10:244:{number}::2"]
    return inventory


@pytest.mark.parametrize(("underlay", "mtu"), [(article, 1450), (ipv6, 1430)], ids=["over IPv4", "over IPv6"])
def test_dual_stack(tmp_path: pathlib.Path, underlay: Callable[[], Any], mtu: int) -> None:
    with standing(tmp_path, dual(underlay())) as fabric:
        before = {host: fabric.snapshot(host) for host in HOSTS}
        done = fabric.ok("site")
        assert "26 of 26 pairs hold, 0 fail" in done.text
        rows = [line for line in done.text.splitlines() if "network-1/pod1  network-2/pod2 fd00:10:244:1::2 " in line]
        assert [" 62  " in row and f" {mtu}  " in row and "fd00:10:244::2 " in row for row in rows] == [True], done.text
        with fabric.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
            assert fabric.ok("site").changed == {}
        assert monitor.changes == []
        one = "network-1"
        assert json.loads(fabric.node(one, "ip", "-json", "link", "show", "vxlan0"))[0]["mtu"] == mtu
        assert len(fabric.node(one, "bridge", "fdb", "show", "dev", "vxlan0").splitlines()) == 1, "one tunnel for both"
        permanent = fabric.node(one, "ip", "neigh", "show", "dev", "vxlan0", "nud", "permanent").split()
        assert [word for word in permanent if "." in word or "::" in word] == ["172.2.1.0", "fd00:10:244:1::"]
        inside = fabric.node(
            one, "ip", "netns", "exec", "pod1", "curl", "-s", "-g", "http://[fd00:10:244:1::2]:8000/echo"
        )
        assert json.loads(inside)["client"] == "fd00:10:244::2", "no NAT between pods"
        fabric.ok("teardown")
        for host in HOSTS:
            after = fabric.snapshot(host)
            assert [part for part in before[host] if after[part] != before[host][part]] == [], host


def objects(diff: set[str]) -> set[str]:
    """The lines of a diff that are about the kernel's objects, and not about the documents that a reboot replays."""
    return {line for line in diff if line[1:].split()[0] in ("link", "address", "fdb", "neighbour", "route", "netns")}


def test_a_third_node_moves_nobody(tmp_path: pathlib.Path) -> None:
    inventory = article()
    nodes = inventory["all"]["children"]["nodes"]["hosts"]
    nodes["network-3"] = {
        "lab_interfaces": [{"name": "enp1s0", "switch": "lan2", "addresses": ["192.168.2.143/24"]}],
        "overlay_node": {"number": 7, "address": "192.168.2.143", "dev": "enp1s0"},
        "mgmt_routing_routes": [
            {"dst": "192.168.1.0/24", "via": "192.168.2.216", "dev": "enp1s0", "src": "192.168.2.143"}
        ],
    }
    with standing(tmp_path, inventory) as fabric:
        fabric.inventory = article()
        fabric.ok("site")
        fabric.inventory = inventory
        mac = overlay.vtep_mac(10, "network-3")
        entries = {
            f"fdb vxlan0 {mac} dst 192.168.2.143",
            f"neighbour vxlan0 172.2.7.0 lladdr {mac}",
            "route 172.2.7.0/24 via 172.2.7.0 dev vxlan0 onlink",
        }
        added = fabric.ok("site", "--diff", "--limit", "network-1")
        assert objects(added.diff) == {f"+{entry}" for entry in entries}
        assert "router" not in fabric.ok("site").changed
        fabric.inventory = article()
        removed = fabric.ok("site", "--diff", "--limit", "network-1")
        assert objects(removed.diff) == {f"-{entry}" for entry in entries}
        fabric.inventory = inventory


@pytest.mark.parametrize(
    ("host", "change", "named"),
    [
        ("network-2", {"overlay_node": {"number": 0, "address": "192.168.2.142", "dev": "enp1s0"}},
         ["nodes[network-2].number", "network-1 has it too"]),
        ("network-2", {"overlay_node": {"number": 1, "address": "192.168.1.138", "dev": "enp1s0"}},
         ["nodes[network-2].address", "192.168.1.138", "network-1 has it too"]),
        ("network-1", {"overlay_node": {"number": 256, "address": "192.168.1.138", "dev": "enp1s0"}},
         ["nodes[network-1].number", "256", "room for 256 nodes"]),
        ("network-1", {"overlay_node": {"number": 0, "address": "192.168.1.138", "dev": "enp9s0"}}, ["enp9s0"]),
        ("network-1", {"overlay_cidr": "172.2.0.1/16"}, ["cidr", "172.2.0.1/16", "172.2.0.0/16"]),
        ("network-1", {"overlay_vni": 16777216}, ["vni", "16777216"]),
        ("network-1", {"pods_pods": [{"name": "pod1", "address": "172.2.1.2"}]},
         ["pods_pods[0].address", "172.2.1.2", "172.2.0.0/24"]),
    ],
    ids=["number twice", "underlay address twice", "number exhausted", "no such NIC", "host bits", "VNI", "pod subnet"],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(shared: Fabric, host: str, change: dict[str, Any], named: list[str]) -> None:
    inventory = article("shared")
    host_vars(inventory, host).update(change)
    shared.inventory = inventory
    try:
        with shared.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
            done = shared.play("site", "--limit", "network-1")
    finally:
        shared.inventory = article("shared")
    assert done.rc == 2
    assert monitor.changes == []
    assert [part for part in named if part not in done.text] == [], done.text
    assert "Traceback" not in done.text
