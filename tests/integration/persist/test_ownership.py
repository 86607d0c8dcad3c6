# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What exists and is not ours is refused by name, used as it is, or adopted; what is ours is not asked about."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import tree

OUTSIDE: dict[str, Any] = {"name": "br-x", "kind": "bridge", "mtu": 1400, "addresses": ["192.0.2.7/24"]}
ROUTE = {"dst": "10.77.0.0/16", "dev": "lo"}
PAIR: dict[str, Any] = {"name": "v0", "kind": "veth", "peer": {"name": "eth0", "netns": "pod1"}}


def links(*found: Any) -> dict[str, Any]:
    return {"topology": {"namespaces": {"": {"links": [*found]}}}}


# What somebody else has made, the document, the object's name, and words of the refusal.
FOREIGN = {
    "bridge": (
        ["link add br-x type bridge", "link add p0 type veth peer name p1", "link set p0 master br-x",
         "address add 192.0.2.1/24 dev br-x"],
        links(OUTSIDE), "br-x", ["link br-x exists and is not ours", "bridge", "ports p0", "192.0.2.1/24", "Docker"],
    ),
    "another kind": (["link add br-x type vxlan id 9 dstport 4789"], links(OUTSIDE), "br-x", ["vxlan"]),
    "veth": (
        ["link add v0 type veth peer name far0"],
        {"topology": {"namespaces": {"": {"links": [PAIR]}, "pod1": {}}}}, "v0", ["link v0 exists", "veth"],
    ),
    "the other end": (
        ["link add far0 type veth peer name v1"],
        links({**PAIR, "peer": {"name": "v1"}}), "v1", ["link v1 exists", "veth"],
    ),
    "vxlan": (
        ["link add vx0 type vxlan id 9 dstport 4789"],
        links({"name": "vx0", "kind": "vxlan", "vni": 10, "port": 4789}), "vx0", ["link vx0 exists", "vxlan"],
    ),
    "namespace": (["netns add pod1"], {"topology": {"namespaces": {"pod1": {}}}}, "pod1", ["namespace pod1 exists"]),
    "route": (
        ["route add 10.77.0.0/16 dev lo"],
        {"topology": {"namespaces": {"": {"routes": [{**ROUTE, "mtu": 1400}]}}}},
        "10.77.0.0/16", ["route 10.77.0.0/16 dev lo ", "exists, is not ours, and differs"],
    ),
    "dummy": (
        ["link add vx0 type dummy"], links({"name": "vx0", "kind": "dummy"}), "vx0", ["link vx0 exists", "dummy"],
    ),
    "macvlan": (
        ["link add p0 type veth peer name p1", "link add link p0 name vx0 type macvlan mode bridge"],
        links({"name": "vx0", "kind": "macvlan", "parent": "p0"}), "vx0", ["link vx0 exists", "macvlan"],
    ),
    "ipvlan": (
        ["link add p0 type veth peer name p1", "link add link p0 name vx0 type ipvlan mode l3"],
        links({"name": "vx0", "kind": "ipvlan", "parent": "p0"}), "vx0", ["link vx0 exists", "ipvlan"],
    ),
    "vlan": (
        ["link add p0 up type veth peer name p1", "link add link p0 name vx0 type vlan id 7"],
        links({"name": "vx0", "kind": "vlan", "parent": "p0", "vlan_id": 7}), "vx0", ["link vx0 exists", "vlan"],
    ),
    "bond": (["link add vx0 type bond"], links({"name": "vx0", "kind": "bond"}), "vx0", ["link vx0 exists", "bond"]),
    "a network of CNI": (
        ["link add cni0 type bridge"],
        {"topology": {"namespaces": {"pod1": {}}}, "cni": [{"netns": "pod1", "network": {
            "name": "net1", "type": "bridge", "isGateway": True,
            "ipam": {"type": "host-local", "subnet": "10.22.0.0/16", "dataDir": "/etc/weft-test-cni"},
        }}]}, "cni0", ["link cni0 exists", "bridge"],
    ),
}  # fmt: skip


def clean() -> None:
    for name in kernel.namespaces():
        kernel.ip("", "netns", "delete", name)
    kernel.run(
        "sh",
        "-c",
        "ip route flush 10.77.0.0/16; for l in br-x p0 v0 far0 vx0 cni0; do ip link delete $l; done 2>&1 || :",
    )


KINDS = {kind: [pytest.mark.needs_kind(kind)] for kind in ("bond", "dummy", "ipvlan", "macvlan", "vlan")}


@pytest.mark.parametrize(
    ("commands", "document", "name", "words"),
    [pytest.param(*case, id=name, marks=KINDS.get(name, [])) for name, case in FOREIGN.items()],
)
def test_what_somebody_else_has_made(run_module, commands, document, name, words):
    for command in commands:
        kernel.ip("", *command.split())
    try:
        before = tree()
        for check in (True, False):
            with kernel.unchanged(""):
                done = run_module("host", documents={"pods": document, "overlay": {}}, check=check)
            assert [word for word in [*words, f"adopt: [{name}]"] if word not in done["msg"]] == [], done["msg"]
            assert "\n" not in done["msg"] and tree() == before
        adopted = {**document, "adopt": [name]}
        check = run_module("host", documents={"pods": adopted}, check=True)
        made = run_module("host", documents={"pods": adopted})
        assert made.rc == 0, made
        assert check["diff"] == made["diff"] and any("(adopted)" in diff["after"] for diff in made["diff"])
        again = run_module("host", documents={"pods": adopted})
        assert (again["changed"], again["diff"]) == (False, [])
        assert not run_module("host", documents={"pods": document})["count"]["recreated"], "ours from now on"
        run_module("host", documents={"pods": {}}, state="absent")
    finally:
        clean()


RULE = {"source": "10.9.0.0/24"}
# The sections that make tables of nftables, each with its table.
TABLES: dict[str, tuple[str, Any]] = {
    "masquerade": ("weft", {"rules": [RULE]}),
    "masquerade of pods": ("weft_pods", {"table": "weft_pods", "rules": [RULE]}),
    "isolation": ("weft_isolation", [["10.1.0.0/16"], ["10.2.0.0/16"]]),
}


@pytest.mark.parametrize(
    "content", ["", "chain other { type filter hook input priority 0; };"], ids=["empty", "filled"]
)
@pytest.mark.parametrize("section", TABLES)
def test_a_table_that_somebody_else_has_made(run_module, section: str, content: str) -> None:
    name, value = TABLES[section]
    document: dict[str, Any] = {section.split()[0]: value}
    kernel.run("nft", f"table inet {name} {{ {content} }}")
    before, rules = tree(), kernel.run("nft", "list", "ruleset")
    told = f"table inet {name} exists and is not ours: give another name, or adopt it (adopt: [{name}])"
    for check in (True, False):
        with kernel.unchanged(""):
            refused = run_module("host", documents={"overlay": links(OUTSIDE), "pods": document}, check=check)
        assert (refused["msg"], tree(), kernel.run("nft", "list", "ruleset")) == (told, before, rules)
    made = run_module("host", documents={"pods": {**document, "adopt": [name]}})
    assert made["changed"] and "other" not in kernel.run("nft", "list", "ruleset"), made
    again = run_module("host", documents={"pods": document})
    assert again.rc == 0 and not again["objects"], "ours from now on"
    run_module("host", documents={"pods": {}}, state="absent")
    assert kernel.run("nft", "list", "ruleset") == ""


def test_a_host_whose_record_is_lost(run_module):
    document = {**links(OUTSIDE, PAIR)}
    document["topology"]["namespaces"]["pod1"] = {}
    try:
        run_module("host", documents={"pods": document})
        kernel.run("rm", "-r", "/etc/weft")
        refused = run_module("host", documents={"pods": document})["msg"]
        assert "link br-x exists" in refused and "namespace pod1 exists" in refused
        with kernel.unchanged("", "pod1"):
            adopted = run_module("host", documents={"pods": document}, adopt=True)
        assert adopted["changed"] and adopted["count"] == {"added": 0, "changed": 0, "recreated": 0, "removed": 0}
        assert not run_module("host", documents={"pods": document})["changed"]
        run_module("host", documents={"pods": {}}, state="absent")
        assert "pod1" not in kernel.namespaces()
    finally:
        clean()


def test_a_route_of_somebody_else_that_is_as_wanted_is_used_and_stays(run_module):
    wanted = {"topology": {"namespaces": {"": {"routes": [ROUTE]}}}}
    kernel.ip("", "route", "add", "10.77.0.0/16", "dev", "lo", "proto", "static")
    try:
        with kernel.unchanged(""):
            run_module("host", documents={"mgmt_routing": wanted})
            run_module("host", documents={"mgmt_routing": {}}, state="absent")
        assert "10.77.0.0/16" in kernel.ip("", "route")
    finally:
        clean()


def test_an_address_of_somebody_else_is_used_and_stays(run_module):
    """Over another generation, too; one that we have added is removed."""
    kernel.ip("", "link", "add", "p0", "type", "veth", "peer", "name", "p1")
    kernel.ip("", "address", "add", "192.0.2.1/24", "dev", "p0")
    try:
        own = {"name": "p0", "addresses": ["192.0.2.1/24", "198.51.100.1/24"]}
        for mtu in (1500, 1400):
            run_module("host", documents={"underlay": links({**own, "mtu": mtu})})
        run_module("host", documents={"underlay": {}}, state="absent")
        found = [row["local"] for row in kernel.ip_json("", "address", "show", "dev", "p0")[0]["addr_info"]]
        assert "192.0.2.1" in found and "198.51.100.1" not in found
    finally:
        clean()


FILES = [
    "/etc/sysctl.d/99-weft-pods.conf",
    "/etc/systemd/network/10-weft-pods.network",
    "/etc/systemd/network/10-weft-pods.link",
    "/etc/systemd/networkd.conf.d/10-weft-fabric.conf",
    "/etc/NetworkManager/conf.d/10-weft-pods.conf",
    "/usr/local/sbin/weft-fabric",
]


@pytest.mark.parametrize("path", [pathlib.Path(path) for path in FILES], ids=FILES)
def test_a_file_that_somebody_else_has_written(run_module, path: pathlib.Path) -> None:
    document = {**links({"name": "br7", "kind": "bridge"}), "sysctl": {"net.ipv4.conf.lo.rp_filter": 2}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# mine\n")
    before = tree()
    for check in (True, False):
        with kernel.unchanged(""):
            refused = run_module("host", documents={"pods": document}, check=check)
        named = f"file {path} exists and is not ours: move it away, or adopt it (adopt: [{path}])"
        assert (refused["msg"], tree()) == (named, before)
    made = run_module("host", documents={"pods": {**document, "adopt": [str(path)]}})
    assert made.rc == 0 and "# mine" not in path.read_text(errors="replace"), made
    assert any(diff["before"] == "# mine\n" for diff in made["diff"]), "the diff shows what is replaced"
    # Ours from now on, whatever somebody makes of it.
    path.unlink()
    path.write_text("# another's\n")
    assert run_module("host", documents={"pods": {**document, "adopt": []}})["changed"]
    assert "# another's" not in path.read_text(errors="replace")
    run_module("host", documents={"pods": {}}, state="absent")
    assert not path.exists()


def test_files_of_somebody_else_with_names_like_ours_stay(run_module) -> None:
    """Also when everything of ours is removed."""
    foreign = pathlib.Path("/etc/systemd/network/10-weft-uplink.network")
    foreign.write_text("[Match]\nName=eth0\n")
    run_module("host", documents={"pods": links({"name": "br7", "kind": "bridge"})})
    run_module("host", documents={"pods": {}}, state="absent")
    assert foreign.read_text() == "[Match]\nName=eth0\n"
