# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Objects of others that the kernel deletes as a side effect: they are restored as they were, or shown before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import inside, ip, ip_batch, ip_json, unchanged

# One of each that others make: leased, deprecated and odd addresses, and routes of daemons with all that they may have.
THEIRS = (
    "address add 10.1.0.1/24 dev nic0",
    "address add 10.1.0.7/24 brd 10.1.0.250 dev nic0 label nic0:dhcp valid_lft 3000 preferred_lft 2000",
    "address add 192.0.2.10 peer 192.0.2.1/32 dev nic0 scope link metric 9",
    "address add fd00:1::1/64 dev nic0",
    "address add fd00:1::2/64 dev nic0 nodad noprefixroute valid_lft 3000 preferred_lft 0",
    "address add fd00:2::1 peer fd00:2::2/128 dev nic0 metric 77",
    "address add fe80::1/64 dev nic0",
    "route add default via 10.1.0.254 dev nic0 proto dhcp metric 20 mtu lock 1400 advmss 1300 src 10.1.0.7",
    "route add 10.9.0.0/16 proto bird nexthop via 10.1.0.253 weight 3 dev nic0 nexthop via 10.1.0.252 dev nic0",
    "route add 10.10.0.0/16 dev nic0 scope link proto babel table 77",
    "route add 10.11.0.0/16 tos 0x10 via 192.0.2.1 dev nic0 initcwnd 20 rto_min 50ms realm 4",
    "route append 10.9.0.0/16 via 10.10.0.1 dev nic0 onlink proto zebra metric 5",
    "route append 10.9.0.0/16 via 10.1.0.251 dev nic0 proto zebra metric 5",
    "route add 10.12.0.0/16 via inet6 fe80::9 dev nic0 proto bgp",
    "route add fd00:9::/48 via fd00:1::9 dev nic0 proto bird metric 5 pref high hoplimit 9",
    "route add fd00:8::/48 proto bird nexthop via fd00:1::8 dev nic0 weight 2 nexthop via fe80::8 dev nic0",
    "route add fd00:7::/48 dev nic0 proto dhcp expires 2000",
    "route add default from fd00:1::/64 via fe80::7 dev nic0 proto ospf src fd00:1::1",
    "nexthop add id 12 via 10.1.0.249 dev nic0 proto zebra",
    "nexthop add id 13 via 10.1.0.248 dev nic0 proto zebra",
    "nexthop add id 20 group 12,3/13 proto zebra",
    "route add 10.13.0.0/16 nhid 20 proto zebra",
    "route add 10.14.0.0/16 nhid 12 proto zebra",
)


@pytest.fixture
def host(ns) -> Iterator[str]:
    """A namespace that this process is in, with a NIC on which others have made theirs."""
    name, far = ns(), ns()
    ip_batch(name, f"link add nic0 type veth peer name far0 netns {far}", "link set nic0 up")
    ip(far, "link", "set", "far0", "up")
    ip_batch(name, *THEIRS)
    with inside(name):
        yield name


def state() -> dict[str, Any]:
    """Everything that is restored, as iproute2 shows it; times are whether there is one."""
    addresses = [
        {"dev": link["ifname"], **row, "valid_life_time": None, "preferred_life_time": row["preferred_life_time"] == 0}
        for link in ip_json("", "address")
        for row in link["addr_info"]
    ]
    routes = ip_json("", "route", "show", "table", "all") + ip_json("", "-6", "route", "show", "table", "all")
    for route in routes:
        route["expires"] = bool(route.get("expires"))
    return {
        "addresses": [{k: v for k, v in row.items() if k != "tentative"} for row in addresses],
        # The kernel's own ones depend on the order of addresses.
        "routes": sorted(str(route) for route in routes if route.get("protocol") != "kernel"),
        "nexthops": sorted(map(str, ip_json("", "nexthop"))),
    }


def lines(diff: dict[str, str], side: str, ending: str) -> list[str]:
    return [line for line in diff[side].splitlines() if line.endswith(ending)]


def lower(name: str) -> None:
    """A document whose change takes a link down and up."""
    reconcile(parse_topology({"": {"links": [{"name": "nic0", "admin_state": "down"}]}}))


def vrf(**more: Any) -> Any:
    return parse_topology({"": {"links": [{"name": "vrf0", "kind": "vrf", "table": 10, "ports": ["nic0"], **more}]}})


MOVES = {
    "renamed": [["veth", "nic0"]],
}


def test_a_link_that_is_down_for_a_moment(host: str, monkeypatch) -> None:
    """As a bond does with each port that it takes; this kernel may have none."""
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import KINDS

    bridge = KINDS["bridge"]
    monkeypatch.setitem(KINDS, "bridge", bridge._replace(ports=bridge.ports._replace(join_down=True)))
    assert kind_of("bridge").ports.join_down
    before = state()
    document = {"": {"links": [{"name": "br0", "kind": "bridge", "ports": ["nic0"]}]}}
    would = reconcile(parse_topology(document), check=True)
    assert state() == before
    did = reconcile(parse_topology(document))
    assert would.diff == did.diff
    after = state()
    found = [row for row in after["addresses"] if row["dev"] == "nic0"]
    assert found == [row for row in before["addresses"] if row["dev"] == "nic0"]
    assert after["routes"] == before["routes"]
    assert after["nexthops"] == before["nexthops"]
    restored = lines(did.diff, "after", " (restored)")
    assert len(restored) == 4 + 13 + 3, "\n".join(restored)
    assert did.warnings == []
    with unchanged(host):
        assert not reconcile(parse_topology(document)).changed
