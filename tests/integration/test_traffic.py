# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links carry what their options say: real packets through links that the modules made."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import struct
import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import bridge_json, eventually, inside, ip, ip_json

FLOOD = "00:00:00:00:00:00"
TUNSETIFF = 0x400454CA  # include/uapi/linux/if_tun.h
IFF_TUN, IFF_TAP, IFF_MULTI_QUEUE, IFF_NO_PI = 0x0001, 0x0002, 0x0100, 0x1000


def reaches(namespace: str, address: str) -> bool:
    """Whether an address answers one ping within a second."""
    command = ["ip", "netns", "exec", namespace, "ping", "-c", "1", "-W", "1", address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture
def hosts(ns) -> list[str]:
    """Three hosts, each with 192.0.2.N on its nic0, on one switch."""
    switch, *made = (ns() for _each in range(4))
    ip(switch, "link", "add", "br0", "up", "type", "bridge", "mcast_snooping", "0")
    for number, host in enumerate(made, 1):
        ip(switch, "link", "add", f"p{number}", "up", "master", "br0", "type", "veth", "peer", "nic0", "netns", host)
        ip(host, "link", "set", "nic0", "up")
        ip(host, "address", "add", f"192.0.2.{number}/24", "dev", "nic0")
    return made


def learned(host: str) -> set[str]:
    """The VTEPs that a host has learned of from packets."""
    entries = bridge_json(host, "fdb", "show", "dev", "vx0")
    return {entry["dst"] for entry in entries if "dst" in entry and entry["state"] != "permanent"}


def test_a_vxlan_to_one_other(hosts: list[str], run_module) -> None:
    for number, host in enumerate(hosts[:2], 1):
        result = run_module(
            "vxlan",
            name="vx0",
            netns=host,
            vni=100,
            dev="nic0",
            local=f"192.0.2.{number}",
            remote=f"192.0.2.{3 - number}",
            mtu="auto",
            addresses=[f"10.0.0.{number}/24"],
        )
        assert result["link"]["mtu"] == 1450
    assert reaches(hosts[0], "10.0.0.2")
    assert learned(hosts[0]) == set()


def test_a_vxlan_on_a_multicast_group_learns(hosts: list[str], run_module) -> None:
    for number, host in enumerate(hosts, 1):
        run_module(
            "vxlan",
            name="vx0",
            netns=host,
            vni=100,
            dev="nic0",
            group="239.1.1.1",
            learning=True,
            addresses=[f"10.0.0.{number}/24"],
        )
    assert reaches(hosts[0], "10.0.0.2") and reaches(hosts[0], "10.0.0.3")
    assert learned(hosts[0]) == {"192.0.2.2", "192.0.2.3"}


def test_a_vxlan_copies_to_each_of_its_destinations(hosts: list[str], run_module) -> None:
    for number, host in enumerate(hosts, 1):
        run_module(
            "vxlan", name="vx0", netns=host, vni=100, dev="nic0", learning=True, addresses=[f"10.0.0.{number}/24"]
        )
    assert not reaches(hosts[0], "10.0.0.2"), "nobody has said where the others are"
    for number, host in enumerate(hosts, 1):
        others = [f"192.0.2.{other}" for other in (1, 2, 3) if other != number]
        entries = [{"lladdr": FLOOD, "dst": dst} for dst in others]
        assert run_module("vxlan_fdb", netns=host, dev="vx0", entries=entries)["changed"]
    assert reaches(hosts[0], "10.0.0.2") and reaches(hosts[0], "10.0.0.3")
    assert learned(hosts[0]) == {"192.0.2.2", "192.0.2.3"}


@pytest.mark.parametrize(("mode", "together"), [("bridge", True), ("private", False)])
def test_macvlans_on_one_link(mode: str, together: bool, hosts: list[str], run_module, ns) -> None:
    pods = [ns(), ns()]
    for number, pod in enumerate(pods, 11):
        made = run_module(
            "macvlan",
            name="nic0",
            netns=pod,
            parent="nic0",
            parent_netns=hosts[0],
            mode=mode,
            addresses=[f"192.0.2.{number}/24"],
        )
        assert made["link"]["parent_netns"] == hosts[0]
    assert reaches(pods[0], "192.0.2.2")
    assert reaches(pods[0], "192.0.2.12") == together
    assert not reaches(pods[0], "192.0.2.1"), "no packet passes between a macvlan and its parent"


@contextlib.contextmanager
def program(namespace: str, name: str, flags: int) -> Iterator[int]:
    """A program that holds a TUN or TAP device, which is made if it is not there."""
    with inside(namespace):
        fd = os.open("/dev/net/tun", os.O_RDWR)
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("=16sH22x", name.encode(), flags | IFF_NO_PI))
        yield fd
    finally:
        os.close(fd)


def test_a_tap_is_a_port(hosts: list[str], run_module) -> None:
    host = hosts[0]
    ip(host, "address", "flush", "dev", "nic0")
    run_module("bridge", name="br0", netns=host, ports=["nic0"])
    run_module("tuntap", name="tap0", netns=host, mode="tap", controller="br0")
    with program(host, "tap0", IFF_TAP) as fd:
        # Its carrier is on, but the bridge hears of that from a queue (net/core/link_watch.c).
        eventually(lambda: bridge_json(host, "link", "show", "dev", "tap0")[0]["state"] == "forwarding")
        assert not reaches(hosts[1], "192.0.2.99")
        frames = []
        while select.select([fd], [], [], 0)[0]:
            frames.append(os.read(fd, 2048))
    asked = bytes([192, 0, 2, 99])
    assert [frame for frame in frames if frame[12:14] == b"\x08\x06" and frame[38:42] == asked], "no ARP request"


def test_what_a_program_holds(run_module, ns) -> None:
    name = ns()
    run_module("tuntap", name="tap0", netns=name, mode="tap")
    with program(name, "tap0", IFF_TAP):
        result = run_module("tuntap", name="tap0", netns=name, mode="tap", owner=1)
        assert "set link tap0" in result["msg"] and "a program holds it: end that first" in result["msg"]
        assert run_module("tuntap", name="tap0", netns=name, mode="tap", mtu=1400)["changed"]
    changed = run_module("tuntap", name="tap0", netns=name, mode="tap", owner=1, group="daemon")
    assert changed["diff"]["after"] == f"netns {name}: link tap0 owner 1\nnetns {name}: link tap0 group 1\n"
    assert not run_module("tuntap", name="tap0", netns=name, mode="tap", owner="daemon", group=1)["changed"]
    data = ip_json(name, "link", "show", "tap0")[0]["linkinfo"]["info_data"]
    assert (data["user"], data["group"]) == ("daemon", "daemon")


def test_what_a_program_made_stays_when_asked(run_module, ns) -> None:
    name = ns()
    arguments = {"name": "tun0", "netns": name, "mode": "tun", "multi_queue": True}
    with program(name, "tun0", IFF_TUN | IFF_MULTI_QUEUE):
        before = ip_json(name, "link")
        assert not run_module("tuntap", **arguments, persist=False, admin_state="down")["changed"]
        assert ip_json(name, "link") == before
        made = run_module("tuntap", **arguments, persist=True)
        assert made["diff"]["before"] == f"netns {name}: link tun0 persist off\nnetns {name}: link tun0 down\n"
    assert ip_json(name, "link", "show", "tun0")[0]["linkinfo"]["info_data"]["persist"]
