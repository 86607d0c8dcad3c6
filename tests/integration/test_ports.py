# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a link is as a port of a bridge, promiscuous links, and interfaces taken into a namespace and given back."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel

pytestmark = pytest.mark.older_host

VETH = {"name": "v0", "controller": "br0", "peer": {"name": "v1"}}


def link(name: str, ifname: str) -> Any:
    (found,) = kernel.ip_json(name, "link", "show", "dev", ifname)
    return found


def hairpin(name: str) -> bool:
    return bool(link(name, "v0")["linkinfo"]["info_slave_data"]["hairpin"])


def test_hairpin(run_module, ns) -> None:
    name = ns()
    assert run_module("bridge", netns=name, name="br0")["changed"]
    check = run_module("veth", netns=name, check=True, hairpin=True, **VETH)
    done = run_module("veth", netns=name, hairpin=True, **VETH)
    assert (check["diff"], done["link"]["hairpin"], hairpin(name)) == (done["diff"], True, True)
    with kernel.unchanged(name):
        assert not run_module("veth", netns=name, hairpin=True, **VETH)["changed"]
        assert not run_module("veth", netns=name, **VETH)["changed"], "what is not asked for stays"
    kernel.run("ip", "-n", name, "link", "set", "v0", "type", "bridge_slave", "hairpin", "off")
    assert (
        run_module("veth", netns=name, hairpin=True, **VETH)["diff"]["after"] == f"netns {name}: link v0 hairpin on\n"
    )
    assert hairpin(name)
    # It is the bridge's: in another one, the port has it anew.
    assert run_module("bridge", netns=name, name="br1")["changed"]
    assert run_module("veth", netns=name, hairpin=True, **{**VETH, "controller": "br1"})["changed"]
    assert (link(name, "v0")["master"], hairpin(name)) == ("br1", True)
    assert run_module("veth", netns=name, hairpin=False, **{**VETH, "controller": "br1"})["changed"]
    assert not hairpin(name)


@pytest.mark.parametrize("option", ["hairpin", "pvid"])
def test_only_a_port_has_it(option: str, run_module, ns) -> None:
    name = ns()
    before = kernel.ip_json(name, "link")
    done = run_module("veth", netns=name, name="v0", peer={"name": "v1"}, **{option: 1})
    assert f"{option}: " in done["msg"] and "only a bridge's port has it" in done["msg"]
    assert kernel.ip_json(name, "link") == before
    assert "1 to 4094" in run_module("veth", netns=name, name="v0", pvid=4095)["msg"]


def test_promiscuous(run_module, ns) -> None:
    name = ns()
    done = run_module("bridge", netns=name, name="br0", promisc=True)
    assert ("PROMISC" in link(name, "br0")["flags"], done["link"]["promisc"]) == (True, True)
    with kernel.unchanged(name):
        assert not run_module("bridge", netns=name, name="br0", promisc=True)["changed"]
    assert run_module("bridge", netns=name, name="br0", promisc=False)["changed"]
    assert "PROMISC" not in link(name, "br0")["flags"]


def held(netns: str) -> dict[str, str | None]:
    """Each link, and what it is a port of."""
    return {row["ifname"]: row.get("master") for row in kernel.ip_json(netns, "link")}


def test_a_shared_bridge_stays_where_others_have_ports(run_module, ns) -> None:
    """What is listed of it beside stays with it, but for what ends in a namespace that goes."""
    name, pod = ns(), ns()
    bridge = {"name": "br0", "kind": "bridge", "shared": True, "addresses": ["10.9.0.1/24"]}
    pair = {"name": "v0", "kind": "veth", "controller": "br0", "peer": {"name": "eth0", "netns": pod}}
    own = {"name": "p0", "kind": "veth", "controller": "br0", "peer": {"name": "q0"}}
    left = {"lo": None, "br0": None, "p0": "br0", "q0": None, "other": "br0", "far": None}
    with kernel.inside(name):
        document = {"": {"links": [own, bridge, pair]}, pod: {}}
        assert run_module("topology", namespaces=document)["changed"]
        kernel.ip(name, "link", "add", "other", "master", "br0", "type", "veth", "peer", "name", "far")
        gone = {"": {"links": [{"name": "p0", "kind": "veth"}, {"name": "br0", "kind": "bridge", "shared": True}]}}
        gone[pod] = {"links": [{"name": "eth0", "kind": "veth"}]}
        before = held(name)
        check = run_module("topology", state="absent", check=True, namespaces=gone)
        assert held(name) == before == {**left, "v0": "br0"}
        done = run_module("topology", state="absent", namespaces=gone)
        for result in (check, done):
            told = [warning["event"]["msg"] for warning in result["warnings"]]
            assert told == ["link br0 stays: it has ports that are not listed, other"]
        assert (check["diff"], done["changed"]) == (done["diff"], True)
        assert held(name) == left
        assert "10.9.0.1/24" in kernel.ip(name, "address", "show", "br0")
        with kernel.Monitor(name) as monitor:
            again = run_module("topology", state="absent", namespaces=gone)
        assert (again["changed"], again["warnings"], monitor.changes) == (False, done["warnings"], [])
        kernel.ip(name, "link", "delete", "other")
        done = run_module("topology", state="absent", namespaces=gone)
        assert (done["changed"], done.get("warnings")) == (True, None)
        assert held(name) == {"lo": None}
        assert not run_module("topology", state="absent", namespaces=gone)["changed"]


def test_only_a_bridge_is_shared(run_module, ns) -> None:
    links = [{"name": "v0", "kind": "veth", "shared": True, "peer": {"name": "v1"}}]
    assert 'namespaces."".links[0].shared' in run_module("topology", namespaces={"": {"links": links}})["msg"]


def taken(host: str, pod: str, **more: Any) -> dict[str, Any]:
    return {pod: {"links": [{"name": "eth0", "origin": {"name": "nic9", "netns": host}, **more}]}}


def test_an_interface_is_taken_and_given_back(run_module, ns) -> None:
    host, pod = ns(), ns()
    kernel.ip(host, "link", "add", "nic9", "type", "veth", "peer", "name", "far9")
    before = kernel.ip_json(host, "link")
    check = run_module("topology", check=True, namespaces=taken(host, pod, addresses=["10.9.0.2/24"]))
    assert kernel.ip_json(host, "link") == before
    done = run_module("topology", namespaces=taken(host, pod, addresses=["10.9.0.2/24"]))
    assert check["diff"] == done["diff"]
    assert (link(pod, "eth0")["ifalias"], "UP" in link(pod, "eth0")["flags"]) == ("nic9", True)
    assert [row["ifname"] for row in kernel.ip_json(host, "link")] == ["lo", "far9"]
    with kernel.unchanged(host, pod):
        assert not run_module("topology", namespaces=taken(host, pod, addresses=["10.9.0.2/24"]))["changed"]
    for changed in (True, False):
        gone = run_module("topology", state="absent", namespaces=taken(host, pod))
        assert gone["changed"] == changed
    assert (link(host, "nic9").get("ifalias"), pod in kernel.namespaces()) == (None, False)


def test_what_cannot_be_taken(run_module, ns) -> None:
    host, pod = ns(), ns()
    missing = run_module("topology", namespaces=taken(host, pod))
    assert f"origin.name: link nic9 does not exist in namespace {host}" in missing["msg"]
    kernel.ip(host, "link", "add", "br0", "type", "bridge")
    kernel.ip(host, "link", "add", "nic9", "master", "br0", "type", "veth", "peer", "name", "far9")
    assert "it is a port of br0: take it out first" in run_module("topology", namespaces=taken(host, pod))["msg"]
    kernel.ip(host, "link", "set", "nic9", "nomaster")
    kernel.ip(pod, "link", "add", "eth0", "type", "bridge")
    assert "it is another interface than nic9" in run_module("topology", namespaces=taken(host, pod))["msg"]
    assert "another namespace" in run_module("topology", namespaces=taken(pod, pod))["msg"]
    links = [{"name": "eth0", "kind": "veth", "origin": {"name": "nic9"}}]
    assert "origin" in run_module("topology", namespaces={pod: {"links": links}})["msg"]
