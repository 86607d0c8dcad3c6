# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs: their life, and on the wire the tags of the frames that a peer sees."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import eventually, inside, ip, ip_json, unchanged
from ansible_collections.weft.fabric.tests.integration.life import MACS, Case, link

CASES = {
    "vlan": Case(
        "vlan",
        prepare=("ip -n HOST link add p0 type veth peer name q0", "ip -n HOST link set p0 up"),
        create={
            "name": "v10",
            "parent": "p0",
            "vlan_id": 10,
            "mtu": 1400,
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        made={
            "HOST": {
                "links": {"v10": {"kind": "vlan", "mtu": 1400, "up": True}},
                "addresses": [("v10", "10.1.0.1/24"), ("v10", "fd00:1::1/64")],
            }
        },
        change={
            "name": "v10",
            "parent": "p0",
            "vlan_id": 10,
            "mtu": 1300,
            "mac_address": MACS[1],
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
        },
        changed={"HOST": link("v10", "vlan", 1300, MACS[1])},
        drift=("ip -n HOST link set v10 mtu 1290", "ip -n HOST link set v10 down"),
        missing=("name", "parent", "vlan_id"),
        delete={"name": "v10"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)

needs_vlan = pytest.mark.needs_kind("vlan")

ETH_P_ALL, ETH_P_IP, ETH_P_8021Q, ETH_P_8021AD = 0x0003, 0x0800, 0x8100, 0x88A8  # include/uapi/linux/if_ether.h
SOL_PACKET, PACKET_AUXDATA = 263, 8  # include/uapi/linux/if_packet.h
TP_STATUS_VLAN_VALID = 1 << 4
TPACKET_AUXDATA = struct.Struct("=IIIHHHH")


def tags(frame: bytes, outer: tuple[int, int] | None) -> tuple[list[tuple[int, int]], int]:
    """The (protocol, VLAN) pairs of a frame, the outermost first, and the protocol of what is inside.

    :param outer: the tag that the kernel keeps beside the frame.
    """
    found = [outer] if outer else []
    at = 12
    while (protocol := struct.unpack_from("!H", frame, at)[0]) in (ETH_P_8021Q, ETH_P_8021AD):
        found.append((protocol, struct.unpack_from("!H", frame, at + 2)[0] & 0xFFF))
        at += 4
    return found, protocol


def _next(tap: socket.socket) -> tuple[list[tuple[int, int]], int]:
    frame, ancillary, _flags, _address = tap.recvmsg(2048, socket.CMSG_SPACE(TPACKET_AUXDATA.size))
    outer = None
    for level, kind, content in ancillary:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _len, _snaplen, _mac, _net, tci, protocol = TPACKET_AUXDATA.unpack(content)
            outer = (protocol, tci & 0xFFF) if status & TP_STATUS_VLAN_VALID else None
    return tags(frame, outer)


@contextlib.contextmanager
def listening(namespace: str, device: str) -> Iterator[list[list[tuple[int, int]]]]:
    """At the end of the block, the tags of each frame with IPv4 in it that passed a device in the block."""
    seen: list[list[tuple[int, int]]] = []
    with inside(namespace):
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    with tap:
        tap.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        tap.bind((device, ETH_P_ALL))
        yield seen
        while select.select([tap], [], [], 0)[0]:
            found, protocol = _next(tap)
            if protocol == ETH_P_IP:
                seen.append(found)


@pytest.fixture
def wire(ns) -> tuple[str, str]:
    """Two namespaces and a cable between them, with p0 at the first end and q0 at the other."""
    here, there = ns(), ns()
    ip(here, "link", "add", "p0", "type", "veth", "peer", "name", "q0", "netns", there)
    ip(here, "link", "set", "p0", "up")
    ip(there, "link", "set", "q0", "up")
    return here, there


def ping(namespace: str, address: str) -> None:
    assert "2 received" in ip("", "netns", "exec", namespace, "ping", "-n", "-q", "-c", "2", "-i", "0.1", address)


@needs_vlan
@pytest.mark.parametrize(("protocol", "number"), [("802.1q", ETH_P_8021Q), ("802.1ad", ETH_P_8021AD)])
def test_one_tag(protocol: str, number: int, run_module, wire) -> None:
    here, there = wire
    for namespace, parent, address in ((here, "p0", "10.1.0.1/24"), (there, "q0", "10.1.0.2/24")):
        arguments = {"name": "v10", "netns": namespace, "parent": parent, "vlan_id": 10, "protocol": protocol}
        run_module("vlan", addresses=[address], **arguments)
    with listening(there, "q0") as seen:
        ping(here, "10.1.0.2")
    assert seen == [[(number, 10)]] * 4  # two requests, two replies


@needs_vlan
def test_a_tag_in_a_tag(run_module, wire) -> None:
    here, there = wire
    for namespace, parent, address in ((here, "p0", "10.1.0.1/24"), (there, "q0", "10.1.0.2/24")):
        run_module("vlan", name="outer", netns=namespace, parent=parent, vlan_id=100, protocol="802.1ad")
        inner = {"name": "inner", "netns": namespace, "parent": "outer", "vlan_id": 10}
        run_module("vlan", addresses=[address], **inner)
        # A change of the operational state is notified some time later.
        eventually(lambda where=namespace: ip_json(where, "link", "show", "inner")[0]["operstate"] == "UP")
        with unchanged(namespace):
            assert not run_module("vlan", addresses=[address], **inner)["changed"]
    with listening(there, "q0") as seen:
        ping(here, "10.1.0.2")
    assert seen == [[(ETH_P_8021AD, 100), (ETH_P_8021Q, 10)]] * 4


@needs_vlan
def test_another_vlan_hears_nothing(run_module, wire) -> None:
    here, there = wire
    run_module("vlan", name="v10", netns=here, parent="p0", vlan_id=10, addresses=["10.1.0.1/24"])
    run_module("vlan", name="v11", netns=there, parent="q0", vlan_id=11, addresses=["10.1.0.2/24"])
    done = ["netns", "exec", here, "sh", "-c", "ping -n -q -c 1 -W 1 10.1.0.2 || true"]
    assert "0 received" in ip("", *done)
