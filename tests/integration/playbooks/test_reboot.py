# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The article's scenario after what a reboot takes away: the hosts put it back, without a controller."""

from __future__ import annotations

import json
import pathlib

from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import HOSTS, Fabric, article, standing


def test_all_is_there_again(tmp_path: pathlib.Path) -> None:
    with standing(tmp_path, article("reboot")) as fabric:
        assert "14 of 14 pairs hold, 0 fail" in fabric.ok("site").text
        for host in HOSTS:
            assert fabric.node(host, "weft-fabric", "diff") == ""
            fabric.power_off(host)
        assert fabric.play("verify").rc != 0, "nothing is left"
        for host in HOSTS:
            fabric.node(host, "weft-fabric", "apply")
            assert fabric.node(host, "weft-fabric", "diff") == ""
        assert "14 of 14 pairs hold, 0 fail" in fabric.ok("verify").text
        assert fabric.ok("site").changed == {}
        fabric.ok("teardown")
        for host in HOSTS:
            assert fabric.node(host, "find", "/etc", "/usr/local", "-name", "*weft*") == "", host


def documents(fabric: Fabric, host: str) -> list[str]:
    """The roles whose documents a host applies when it starts."""
    found = json.loads(fabric.node(host, "cat", "/etc/weft/confirmed/generation.json"))
    return [name for name, part in found["documents"].items() if part["persist"]]


def test_a_role_that_is_not_to_persist(tmp_path: pathlib.Path) -> None:
    with standing(tmp_path, article("transient")) as fabric:
        fabric.ok("site", "--skip-tags", "verify")
        assert documents(fabric, "network-1") == ["mgmt_routing", "overlay", "pods"]
        off = ["-e", '{"mgmt_routing_persist": false, "overlay_persist": false, "pods_persist": false}']
        assert set(fabric.ok("site", *off).changed) == set(HOSTS)
        assert fabric.node("network-1", "sh", "-c", "ls -d /etc/weft || true") == ""
        assert fabric.node("network-1", "ls", "/run/weft").split() == ["confirmed", "current", "generations"]
        assert documents(fabric, "router") == ["masquerade"]
        assert fabric.ok("site", *off).changed == {}
