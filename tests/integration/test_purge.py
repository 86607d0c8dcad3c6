# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What purging takes away, and above all what it does not: what others put there. And two runs at once."""

from __future__ import annotations

import re
import subprocess
import threading
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import bridge, eventually, ip, ip_json, unchanged
from ansible_collections.weft.fabric.tests.integration.state import snapshot

OURS, THEIRS = "02:00:5e:00:00:01", "02:00:5e:00:00:02"


@pytest.fixture
def host(ns) -> str:
    """A namespace with a VXLAN that is a bridge's port, and a veth pair."""
    name = ns()
    for command in (
        "link add under0 type veth peer name far0",
        "link set under0 up",
        "link set far0 up",
        "link add br0 type bridge",
        "link set br0 up",
        "link add vxlan0 type vxlan id 10 dstport 4789 remote 192.0.2.99",
        "link set vxlan0 up",
        "link set vxlan0 master br0",
        "address add 10.1.0.1/24 dev under0",
        "address add fd00:1::1/64 dev under0",
    ):
        ip(name, *command.split())
    return name


def gone(run_module: Any, host: str, module: str, **arguments: Any) -> list[str]:
    """Run a module with purge; the lines of its diff's left side."""
    done = run_module(module, netns=host, purge=True, **arguments)
    assert done.rc == 0, done
    with unchanged(host):
        assert not run_module(module, netns=host, purge=True, **arguments)["changed"]
    return [line.partition(": ")[2] for line in done["diff"]["before"].splitlines()]


def test_routes(run_module, host: str) -> None:
    for number, protocol in enumerate(("boot", "static", "dhcp", "bird", "ra")):
        ip(host, "route", "add", f"10.2{number}.0.0/24", "via", "10.1.0.9", "proto", protocol)
        ip(host, "route", "add", f"fd00:2{number}::/64", "via", "fd00:1::9", "proto", protocol)
    ip(host, "route", "add", "blackhole", "10.66.0.0/16", "proto", "boot")
    foreign = snapshot(host)
    ours = [{"dst": "10.8.0.0/16", "via": "10.1.0.9"}, {"dst": "fd00:8::/64", "dev": "far0"}]
    run_module("route", netns=host, routes=ours)
    run_module("route", netns=host, routes=[{"dst": "10.9.0.0/16", "via": "10.1.0.9", "table": "100"}])
    assert sorted(gone(run_module, host, "route", routes=[])) == [
        "route 10.8.0.0/16 via 10.1.0.9 dev under0",
        "route 10.9.0.0/16 via 10.1.0.9 dev under0 table 100",
        "route fd00:8::/64 dev far0 metric 1024",
    ]
    assert snapshot(host) == foreign
    assert not ip(host, "route", "show", "table", "100")  # a table that the list does not speak of


def test_what_goes_stays_where_what_comes_is_refused(run_module, host: str) -> None:
    before = [{"lladdr": OURS, "dst": "192.0.2.1"}]
    assert run_module("vxlan_fdb", netns=host, dev="vxlan0", entries=before)["changed"]
    found = snapshot(host)
    # The VXLAN's remote is of IPv4 (vxlan_core.c: vxlan_fdb_add).
    after = [{"lladdr": THEIRS, "dst": "2001:db8::1"}]
    refused = run_module("vxlan_fdb", netns=host, dev="vxlan0", entries=after, purge=True)
    assert "2001:db8::1" in refused["msg"]
    assert snapshot(host) == found


def test_neighbours(run_module, host: str) -> None:
    for state, number in (("permanent", 1), ("stale", 2), ("permanent", 3)):
        extra = ["extern_learn"] if number == 3 else []
        for address in (f"10.3.{number}.0", f"fd00:3::{number}"):
            ip(host, "neigh", "replace", address, "lladdr", THEIRS, "dev", "vxlan0", "nud", state, *extra)
    ip(host, "neigh", "add", "proxy", "10.3.4.0", "dev", "vxlan0")
    ip(host, "neigh", "add", "10.1.0.7", "lladdr", THEIRS, "dev", "under0", "nud", "permanent")
    found = gone(run_module, host, "vxlan_neigh", dev="vxlan0", entries=[{"dst": "10.3.9.0", "lladdr": OURS}])
    assert sorted(found) == [f"neighbour vxlan0 {at} lladdr {THEIRS}" for at in ("10.3.1.0", "fd00:3::1")]
    left = {(entry["dev"], entry["dst"]) for entry in ip_json(host, "neigh") if not entry["dst"].startswith("ff")}
    assert left == {
        ("vxlan0", "10.3.2.0"), ("vxlan0", "10.3.3.0"), ("vxlan0", "10.3.9.0"), ("vxlan0", "fd00:3::2"),
        ("vxlan0", "fd00:3::3"), ("under0", "10.1.0.7"),
    }  # fmt: skip
    assert "10.3.4.0" in ip(host, "neigh", "show", "proxy")


def test_fdb(run_module, host: str) -> None:
    rows = {number: f"02:00:5e:00:01:0{number}" for number in range(1, 5)}
    bridge(host, "fdb", "add", rows[1], "dev", "vxlan0", "dst", "192.0.2.1", "self", "permanent")
    bridge(host, "fdb", "add", rows[2], "dev", "vxlan0", "dst", "192.0.2.1", "self", "dynamic")
    bridge(host, "fdb", "add", rows[3], "dev", "vxlan0", "dst", "192.0.2.1", "self", "extern_learn")
    bridge(host, "fdb", "add", rows[4], "dev", "vxlan0", "master", "static")
    before = set(bridge(host, "fdb", "show").splitlines())
    found = gone(run_module, host, "vxlan_fdb", dev="vxlan0", entries=[])
    assert found == [f"fdb vxlan0 {rows[1]} dst 192.0.2.1"]
    left = set(bridge(host, "fdb", "show").splitlines())
    assert before - left == {f"{rows[1]} dev vxlan0 dst 192.0.2.1 self permanent"}
    assert any("00:00:00:00:00:00 dev vxlan0 dst 192.0.2.99" in row for row in left)


def test_a_learned_entry_gives_way(run_module, host: str) -> None:
    bridge(host, "fdb", "add", OURS, "dev", "vxlan0", "dst", "192.0.2.66", "self", "dynamic")
    ip(host, "neigh", "replace", "10.3.1.0", "lladdr", THEIRS, "dev", "vxlan0", "nud", "reachable")
    run_module("vxlan_fdb", netns=host, dev="vxlan0", entries=[{"lladdr": OURS, "dst": "192.0.2.1"}])
    run_module("vxlan_neigh", netns=host, dev="vxlan0", entries=[{"lladdr": OURS, "dst": "10.3.1.0"}])
    assert snapshot(host)["neighbours"] == [("vxlan0", "10.3.1.0", OURS)]
    assert (OURS, "192.0.2.1", "permanent") in {(row[1], row[2], row[5]) for row in snapshot(host)["fdb"]}


def test_addresses(run_module, host: str) -> None:
    ip(host, "address", "add", "10.1.0.50/24", "dev", "under0", "valid_lft", "3000", "preferred_lft", "3000")
    ip(host, "address", "add", "fd00:1::50/64", "dev", "under0", "valid_lft", "3000", "preferred_lft", "3000")
    ip(host, "address", "add", "10.1.0.2/24", "dev", "under0")
    ip(host, "address", "add", "10.5.0.1/24", "dev", "far0")
    local = [
        row["local"]
        for row in ip_json(host, "address", "show", "dev", "under0")[0]["addr_info"]
        if row["scope"] == "link"
    ]
    found = gone(run_module, host, "address", dev="under0", addresses=["10.1.0.9/24"])
    assert sorted(found) == [f"address under0 {at}" for at in ("10.1.0.1/24", "10.1.0.2/24", "fd00:1::1/64")]
    rows = ip_json(host, "address", "show", "dev", "under0")[0]["addr_info"]
    left = {row["local"]: row.get("dynamic", False) for row in rows}
    # A dynamic address stays though it was secondary to one that goes.
    assert left == {"10.1.0.9": False, "10.1.0.50": True, "fd00:1::50": True, **dict.fromkeys(local, False)}
    assert ("far0", "10.5.0.1/24") in snapshot(host)["addresses"]


def test_loopback_keeps_its_own(run_module, host: str) -> None:
    gone(run_module, host, "address", dev="lo", addresses=["10.7.0.1/32"])
    rows = ip_json(host, "address", "show", "dev", "lo")[0]["addr_info"]
    assert [row["local"] for row in rows] == ["127.0.0.1", "10.7.0.1", "::1"]


def test_a_document_is_about_the_devices_it_names(run_module, host: str) -> None:
    run_module("route", netns=host, routes=[{"dst": "10.8.0.0/16", "via": "10.1.0.9"}])
    bridge(host, "fdb", "add", OURS, "dev", "vxlan0", "dst", "192.0.2.1", "self", "permanent")
    before = snapshot(host)
    names = {host: {"links": [{"name": "far0", "kind": "veth", "addresses": []}]}}
    assert not run_module("topology", purge=True, namespaces=names)["changed"]
    assert snapshot(host) == before
    names = {host: {"links": [{"name": "under0"}, {"name": "vxlan0", "kind": "vxlan", "vni": 10, "learning": True}]}}
    done = run_module("topology", purge=True, namespaces=names)
    assert sorted(line.partition(": ")[2] for line in done["diff"]["before"].splitlines()) == [
        f"fdb vxlan0 {OURS} dst 192.0.2.1",
        "route 10.8.0.0/16 via 10.1.0.9 dev under0",
    ]
    assert snapshot(host)["addresses"] == before["addresses"]


def test_two_runs_at_once(run_module, ns) -> None:
    """Each may fail, in one line, where the other takes away what it is about to use; in the end one run gets there."""
    name = ns()
    links = [
        {"name": "br0", "kind": "bridge", "addresses": ["10.1.0.1/24"]},
        {"name": "v0", "kind": "veth", "controller": "br0", "peer": {"name": "v1", "addresses": ["10.2.0.1/24"]}},
        {"name": "vxlan0", "kind": "vxlan", "vni": 10},
    ]
    entries = [{"dev": "vxlan0", "lladdr": f"02:00:5e:00:01:{last:02x}", "dst": "192.0.2.1"} for last in range(100)]
    document = {name: {"links": links, "fdb": entries, "routes": [{"dst": "10.9.0.0/16", "via": "10.1.0.9"}]}}
    results: list[Any] = []

    def repeat(namespaces: Any, **more: Any) -> None:
        for _round in range(6):
            results.append(run_module("topology", namespaces=namespaces, **more))

    # Not as absent: that would take the namespace away, too.
    takers = [["link", "delete", link["name"]] for link in links]

    def take() -> None:
        while any(thread.is_alive() for thread in threads):
            for words in takers:
                subprocess.run(["ip", "-n", name, *words], capture_output=True, check=False)

    threads = [threading.Thread(target=repeat, args=(document,)) for _thread in range(2)]
    for thread in threads:
        thread.start()
    take()
    for thread in threads:
        thread.join()
    assert len(results) == 12
    for result in results:  # run_module asserts that there is no traceback
        assert result.rc == 0 or re.fullmatch(r"(cannot|link|the kernel) .*", result["msg"]), result
    assert run_module("topology", namespaces=document).rc == 0
    # Without a port a bridge's operational state may stay unknown, so Monitor does not wait for it (Linux 6.1).
    eventually(lambda: ip_json(name, "link", "show", "br0")[0]["operstate"] == "UP")
    with unchanged(name):
        assert not run_module("topology", namespaces=document)["changed"]
