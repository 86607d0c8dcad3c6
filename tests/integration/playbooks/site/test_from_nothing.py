# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The article's scenario from nothing, and back to nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import HOSTS, MAC, Fabric, article, standing


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    with standing(tmp_path_factory.mktemp("fabric"), article()) as made:
        yield made


@pytest.fixture(scope="module")
def before(lab: Fabric) -> dict[str, Any]:
    """What the article's three machines have, nothing configured yet."""
    return {host: lab.snapshot(host) for host in HOSTS}


def is_made(lab: Fabric) -> bool:
    return bool(json.loads(lab.node("network-1", "ip", "-json", "link", "show", "type", "vxlan")))


@pytest.fixture
def bare(lab: Fabric, before: dict[str, Any]) -> Fabric:
    """The article's three machines with nothing configured."""
    if is_made(lab):
        lab.ok("teardown")
    return lab


@pytest.fixture
def made(lab: Fabric, before: dict[str, Any]) -> Fabric:
    """And with everything."""
    if not is_made(lab):
        lab.ok("site", "--skip-tags", "verify")
    return lab


def test_check_mode_before_the_first_run(bare: Fabric, before: dict[str, Any]) -> None:
    with bare.names(*HOSTS) as names, kernel.Monitor(*names) as monitor:
        said = bare.ok("site", "--check", "--diff")
    assert monitor.changes == []
    assert {host: bare.snapshot(host) for host in HOSTS} == before
    coming = [
        "+ route 192.168.2.0/24 via 192.168.1.213 dev enp1s0 src 192.168.1.138",
        '+ ip saddr 192.168.1.0/24 oifname "enp2s0" masquerade',
        "~ net.ipv4.ip_forward = 1 (was 0)",
        f"+ fdb vxlan0 {MAC['network-2']} dst 192.168.2.142",
        f"+ neighbour vxlan0 172.2.1.0 lladdr {MAC['network-2']}",
        "+ route 172.2.1.0/24 via 172.2.1.0 dev vxlan0 onlink",
        "+ address br0 172.2.0.1/24",
        "+ netns pod1: address vceth0 172.2.0.2/24",
        "+ netns pod2: route default via 172.2.1.1 dev vceth0 src 172.2.1.2",
        "+ echo server pod2: port 8000, new",
    ]
    assert [line for line in coming if line not in said.plan] == []
    (vxlan,) = {line for line in said.plan if line.startswith("+ link vxlan0 type vxlan") and "192.168.1.138" in line}
    assert "vni 10 " in vxlan
    assert vxlan.endswith("mtu 1450")
    assert "nothing to probe in check mode" in said.text
    done = bare.ok("site", "--diff")
    assert done.plan == said.plan, "what was said is what was done"


def test_teardown_leaves_nothing(made: Fabric, before: dict[str, Any]) -> None:
    check = made.ok("teardown", "--check", "--diff")
    done = made.ok("teardown", "--diff")
    assert check.changed == done.changed
    for host in HOSTS:
        after = made.snapshot(host)
        assert [part for part in before[host] if after[part] != before[host][part]] == [], host
    assert made.ok("teardown").changed == {}


def test_one_host_alone(bare: Fabric) -> None:
    said = bare.ok("site", "--limit", "network-1")
    assert list(said.hosts) == ["network-1"]
    assert "unproved: underlay" in said.text
    for host in ("network-2", "router"):
        assert "vxlan0" not in bare.node(host, "ip", "link")
    bare.ok("site", "-e", "target=router")
    done = bare.ok("site", "-e", "target=network-2")
    assert list(done.hosts) == ["network-2"]
    assert "7 of 7 pairs hold, 0 fail" in done.text
