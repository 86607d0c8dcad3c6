# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for links of every kind."""

from __future__ import annotations

import re

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import (
    LINK_KINDS,
    Monitor,
    has_link_kind,
    ip_json,
    namespaces,
    run,
)
from ansible_collections.weft.fabric.tests.integration.life import MACS
from ansible_collections.weft.fabric.tests.integration.state import snapshot

pytestmark = pytest.mark.older_host

# What a link of each kind is asked for besides its name.
OWN = {
    "veth": {"peer": {"name": "t1"}},
    "vlan": {"parent": "v0", "vlan_id": 2},
    "vxlan": {"vni": 2, "dev": "v0", "group": "239.1.1.1", "ttl": 8},
    "macvlan": {"parent": "v0", "mode": "source", "source_macs": [MACS[5]]},
    "ipvlan": {"parent": "v0", "mode": "l3", "flag": "private"},
    "ipip": {"local": "192.0.2.1", "remote": "192.0.2.2", "ttl": 9},
    "tuntap": {"mode": "tun", "owner": "daemon"},
    "bond": {"mode": "802.3ad", "miimon": 100},
    "vrf": {"table": 10},
}


@pytest.mark.parametrize("kind", sorted(LINK_KINDS))
def test_a_kind_is_made_or_the_lack_of_it_is_told(kind: str, run_module, ns) -> None:
    name = ns()
    run("ip", "-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
    before = snapshot(name)
    result = run_module(kind, name="t0", netns=name, **OWN.get(kind, {}))
    if has_link_kind(kind):
        assert snapshot(name)["links"]["t0"]["kind"] == {"tuntap": "tun"}.get(kind, kind)
    else:
        assert re.search(rf"this kernel has no {kind} support: .*load the module", result["msg"])
        assert "\n" not in result["msg"]
        assert snapshot(name) == before


def test_a_link_of_another_kind_is_not_deleted(run_module, ns) -> None:
    name = ns()
    run("ip", "-n", name, "link", "add", "x0", "type", "bridge")
    with Monitor(name) as monitor:
        absent = run_module("vxlan", name="x0", netns=name, state="absent")
        present = run_module("vxlan", name="x0", netns=name, vni=1)
    assert "link x0" in absent["msg"] and "is a bridge, not a vxlan: it is not deleted" in absent["msg"]
    assert "it is a bridge, not a vxlan" in present["msg"]
    assert monitor.changes == []


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.needs_kind(kind)) for kind in LINK_KINDS])
def test_a_document_read_from_the_kernel_can_be_declared(kind: str, run_module, ns) -> None:
    host, pod = ns(), ns()
    links = [
        {"name": "v0", "kind": "veth", "peer": {"name": "v1"}},
        {"name": "t0", "kind": kind, "addresses": ["10.1.0.1/24"], **OWN.get(kind, {})},
    ]
    far = {"links": []}
    if kind in ("macvlan", "ipvlan"):
        far["links"].append({**links[1], "name": "eth0", "parent_netns": host, "addresses": ["10.1.0.2/24"]})
    made = run_module("topology", namespaces={host: {"links": links}, pod: far})
    assert made.rc == 0, made
    read = run_module("topology_info", namespaces=[host, pod])["namespaces"]
    assert [link["kind"] for link in read[host]["links"] if link["name"] == "t0"] == [kind]
    with Monitor(host, pod) as monitor:
        again = run_module("topology", namespaces=read, purge=True)
    assert (again.get("msg"), again["changed"], monitor.changes) == (None, False, [])
    gone = run_module("topology", namespaces=read, state="absent")
    assert gone["changed"] and not {host, pod} & namespaces()


def test_what_a_module_returns_is_what_there_is(run_module, ns) -> None:
    name = ns()
    first = run_module("vxlan", name="vxlan0", netns=name, vni=10, addresses=["10.3.0.0/32"])
    assert first["link"]["mac_address"] == ip_json(name, "link", "show", "vxlan0")[0]["address"]
    assert run_module("vxlan", name="vxlan0", netns=name, vni=10, addresses=["10.3.0.0/32"])["link"] == first["link"]
    run("ip", "-n", name, "address", "add", "10.1.0.1/24", "dev", "vxlan0")
    routes = [{"dst": "10.9.0.0/16", "via": "10.1.0.2"}]
    made = run_module("route", netns=name, routes=routes)
    assert made["routes"] == run_module("route", netns=name, routes=routes)["routes"]
    assert made["routes"] == [{"dst": "10.9.0.0/16", "via": "10.1.0.2", "dev": "vxlan0"}]
