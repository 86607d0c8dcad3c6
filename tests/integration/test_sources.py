# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a pod may send: its frames are real, and arrive without the protection, and with it do not."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import socket
import struct
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.kernel.drops import protections
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside

ETH_P_ALL = 0x0003  # include/uapi/linux/if_ether.h
GATEWAY = "02:00:00:00:00:01"
POD, OTHER = ("02:00:00:00:01:02", "02:00:00:00:01:03")
OWN = ("10.244.1.2", "fd00::2")
LINK_LOCAL = "fe80::ff:fe00:102"


class Site(NamedTuple):
    """A node with two pods.

    :ivar seen: what arrives at the other pod, or if the pods are routed at the node.
    """

    node: str
    pod: str
    other: str
    bridged: bool
    seen: socket.socket


def document(bridged: bool) -> dict[str, Any]:
    """The pods, as a document lists them."""
    pods = [("veth0", POD, OWN), ("veth1", OTHER, ("10.244.1.3", "fd00::3"))]
    keys = ("interface", "mac_address", "addresses")
    return {"sources": [{**dict(zip(keys, pod)), "bridged": bridged} for pod in pods]}


@contextlib.contextmanager
def built(bridged: bool) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        node, *pods = (stack.enter_context(kernel.new_namespace()) for _each in range(3))
        if bridged:
            kernel.ip(node, "link", "add", "br0", "up", "address", GATEWAY, "type", "bridge", "mcast_snooping", "0")
        for number, (pod, mac) in enumerate(zip(pods, (POD, OTHER))):
            peer = ["peer", "eth0", "address", mac, "netns", pod]
            kernel.ip(node, "link", "add", f"veth{number}", "address", GATEWAY, "type", "veth", *peer)
            if bridged:
                kernel.ip(node, "link", "set", f"veth{number}", "address", f"02:00:00:00:02:0{number}", "master", "br0")
            kernel.ip(node, "link", "set", f"veth{number}", "up")
            kernel.ip_batch(
                pod,
                "link set eth0 up",
                f"address add 10.244.1.{number + 2}/24 dev eth0",
                f"address add fd00::{number + 2}/64 dev eth0 nodad",
            )
        dev = "br0" if bridged else "veth0"
        kernel.ip_batch(node, f"address add 10.244.1.1/24 dev {dev}", f"address add fd00::1/64 dev {dev} nodad")
        where, dev = (pods[1], "eth0") if bridged else (node, "veth0")
        with inside(where):
            seen = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)))
            seen.bind((dev, 0))
        yield Site(node, *pods, bridged, seen)


def octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def frame(packet: bytes, kind: int, source: str = POD) -> bytes:
    """To everybody, so that all bridges flood it and all pods receive it."""
    return b"\xff" * 6 + octets(source) + struct.pack("!H", kind) + packet


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source: str, payload: bytes = b"weft") -> bytes:
    """With a protocol for experiments (RFC 3692)."""
    packed = b"".join(ipaddress.ip_address(one).packed for one in (source, "10.244.1.255"))
    first = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0, 64, 253)
    return first + struct.pack("!H", checksum(first + packed)) + packed + payload


def ipv6(source: str, payload: bytes = b"weft", header: int = 253) -> bytes:
    packed = [ipaddress.ip_address(one).packed for one in (source, "ff02::1")]
    return struct.pack("!IHBB", 6 << 28, len(payload), header, 255) + b"".join(packed) + payload


def icmpv6(source: str, kind: int, body: bytes) -> bytes:
    """A message of neighbour discovery (RFC 4861), with its checksum (RFC 8200, section 8.1)."""
    packed = b"".join(ipaddress.ip_address(one).packed for one in (source, "ff02::1"))
    message = struct.pack("!BBH", kind, 0, 0) + body
    words = packed + struct.pack("!II", len(message), 58) + message
    return ipv6(source, struct.pack("!BBH", kind, 0, checksum(words)) + body, 58)


def arp(mac: str, address: str) -> bytes:
    sender = octets(mac) + ipaddress.ip_address(address).packed
    return struct.pack("!HHBBH", 1, 0x0800, 6, 4, 2) + sender + b"\xff" * 6 + ipaddress.ip_address("10.244.1.1").packed


def advertisement(source: str, target: str) -> bytes:
    option = b"\x02\x01" + octets(POD)
    return icmpv6(source, 136, struct.pack("!I", 0x20000000) + ipaddress.ip_address(target).packed + option)


PREFIX = struct.pack("!BBBBIII", 3, 4, 64, 0xC0, 3600, 3600, 0) + ipaddress.ip_address("2001:db8:bad::").packed
ROUTER = icmpv6(LINK_LOCAL, 134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + PREFIX)
REDIRECT = icmpv6(LINK_LOCAL, 137, bytes(4) + 2 * ipaddress.ip_address("fd00::3").packed)

SPOOFED = {
    "IPv4 of another": frame(ipv4("10.244.1.3"), 0x0800),
    "IPv4 of the gateway": frame(ipv4("10.244.1.1"), 0x0800),
    "IPv4 of somebody else": frame(ipv4("198.51.100.7"), 0x0800),
    "IPv6 of another": frame(ipv6("fd00::3"), 0x86DD),
    "a link-local address of another": frame(ipv6("fe80::ff:fe00:103"), 0x86DD),
    "no IPv6 address": frame(ipv6("::"), 0x86DD),
    "MAC of another": frame(ipv4(OWN[0]), 0x0800, OTHER),
    "MAC of the gateway": frame(ipv6(OWN[1]), 0x86DD, GATEWAY),
    "a neighbour advertisement for another": frame(advertisement(OWN[1], "fd00::3"), 0x86DD),
    "a neighbour advertisement for the gateway": frame(advertisement(LINK_LOCAL, "fd00::1"), 0x86DD),
    "a router advertisement": frame(ROUTER, 0x86DD),
    "a redirect": frame(REDIRECT, 0x86DD),
}
ON_A_BRIDGE = {
    "ARP for another": frame(arp(POD, "10.244.1.3"), 0x0806),
    "ARP for the gateway": frame(arp(POD, "10.244.1.1"), 0x0806),
    "ARP with the MAC of another": frame(arp(OTHER, OWN[0]), 0x0806),
    "IPv4 of another with a tag of a VLAN": frame(struct.pack("!HH", 5, 0x0800) + ipv4("10.244.1.3"), 0x8100),
    "two tags": frame(struct.pack("!HHHH", 5, 0x8100, 6, 0x0800) + ipv4(OWN[0]), 0x8100),
    "a BPDU": frame(b"\x42\x42\x03" + bytes(35), 38),
}
HONEST = {
    "IPv4": frame(ipv4(OWN[0]), 0x0800),
    "IPv6": frame(ipv6(OWN[1]), 0x86DD),
    "a link-local address": frame(ipv6(LINK_LOCAL), 0x86DD),
    "ARP": frame(arp(POD, OWN[0]), 0x0806),
    "a probe by ARP": frame(arp(POD, "0.0.0.0"), 0x0806),
    "a neighbour advertisement": frame(advertisement(OWN[1], OWN[1]), 0x86DD),
    "duplicate address detection": frame(icmpv6("::", 135, bytes(4) + ipaddress.ip_address("fd00::2").packed), 0x86DD),
}


def send(site: Site, data: bytes) -> None:
    with inside(site.pod), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
        raw.bind(("eth0", 0))
        raw.send(data)


def counted(site: Site, name: str = "spoofed") -> int:
    family = "bridge" if site.bridged else "inet"
    with inside(site.node):
        listing = json.loads(kernel.run("nft", "-j", "list", "counter", family, "weft_sources", name))
    return int(listing["nftables"][1]["counter"]["packets"])


def arrives(site: Site, data: bytes) -> bool:
    """Whether a frame gets to the other pod. Another one follows it, so that nothing is waited for."""
    marker = frame(ipv4(OWN[0], struct.pack("!I", next(_numbers))), 0x0800)
    send(site, data)
    send(site, marker)
    site.seen.settimeout(10)
    found = False
    while (received := site.seen.recv(2048)) != marker:
        found = found or received in (data, data[:12] + data[16:])  # the kernel takes off a tag
    return found


_numbers = iter(range(1 << 30))


@pytest.fixture
def guard(disk, run_module) -> Iterator[Callable[..., Any]]:
    """Have a document of pods on the node: in check mode first, which changes nothing and has the same diff."""

    def call(site: Site, content: dict[str, Any]) -> Any:
        documents = {"pods": content or {"state": "absent"}}
        with inside(site.node):
            before = kernel.ruleset()
            would = run_module("host", check=True, persist=False, documents=documents)
            assert kernel.ruleset() == before
            done = run_module("host", persist=False, documents=documents)
        assert "msg" not in done, done
        assert (would["changed"], would["diff"], would["objects"]) == (done["changed"], done["diff"], done["objects"])
        return done

    kernel.run("rm", "-rf", "/run/weft")
    yield call
    kernel.run("rm", "-rf", "/run/weft")  # the host is another one in the next test


def test_a_pod_on_a_bridge_sends_as_itself_alone(guard) -> None:
    with built(bridged=True) as site:
        attacks = {**SPOOFED, **ON_A_BRIDGE}
        assert [name for name, data in {**attacks, **HONEST}.items() if not arrives(site, data)] == [], "no protection"
        guard(site, document(True))
        assert [name for name, data in attacks.items() if arrives(site, data)] == []
        assert counted(site) == len(attacks)
        with inside(site.node):
            assert protections() == ["bridge weft_sources"]
        assert [name for name, data in HONEST.items() if not arrives(site, data)] == []
        guard(site, {})
        assert arrives(site, SPOOFED["IPv4 of another"])


def routed(site: Site) -> int:
    """The packets that the node has taken up from its pods, as its own chain behind ours counts them."""
    with inside(site.node):
        listing = json.loads(kernel.run("nft", "-j", "list", "counter", "inet", "theirs", "seen"))
    return int(listing["nftables"][1]["counter"]["packets"])


def test_a_routed_pod_sends_as_itself_alone(guard) -> None:
    with built(bridged=False) as site:
        with inside(site.node):
            chain = "add chain inet theirs first { type filter hook prerouting priority -200; }"
            # Not what the pod's kernel sends by itself.
            own = "add rule inet theirs first icmpv6 type { mld2-listener-report, nd-router-solicit } return"
            rule = 'add rule inet theirs first iifname "veth0" counter name seen'
            kernel.run("nft", f"add table inet theirs; add counter inet theirs seen; {chain}; {own}; {rule}")

        def taken(data: bytes) -> bool:
            before = routed(site)
            send(site, data)
            return routed(site) > before

        honest = {name: data for name, data in HONEST.items() if "ARP" not in name}
        assert [name for name, data in {**SPOOFED, **honest}.items() if not taken(data)] == [], "no protection"
        guard(site, document(False))
        assert [name for name, data in SPOOFED.items() if taken(data)] == []
        assert counted(site) == len(SPOOFED)
        assert [name for name, data in honest.items() if not taken(data)] == []


@pytest.mark.parametrize("bridged", [True, False], ids=["on a bridge", "routed"])
def test_the_node_takes_no_router_from_a_pod(bridged: bool, guard) -> None:
    """CVE-2020-10749: one router advertisement, and the host had a default route and an address by the pod."""
    with built(bridged) as site:
        dev = "br0" if bridged else "veth0"
        with inside(site.node):
            kernel.run("sysctl", "-qw", f"net.ipv6.conf.{dev}.accept_ra=1", "net.ipv6.conf.all.forwarding=0")

        def routers() -> list[Any]:
            return [route for route in kernel.ip_json(site.node, "-6", "route") if route["dst"] == "default"]

        guard(site, document(bridged))
        send(site, SPOOFED["a router advertisement"])
        send(site, HONEST["IPv6"])
        assert counted(site) == 1
        assert routers() == []
        guard(site, {})
        send(site, SPOOFED["a router advertisement"])
        kernel.eventually(lambda: routers() != [])


def test_it_changes_in_place_and_others_are_let_through(guard) -> None:
    with built(bridged=True) as site:
        content = document(True)
        first = guard(site, {"sources": content["sources"][:1]})
        assert first["objects"] == [
            "+ table bridge weft_sources",
            "+ source veth0",
            "+ source veth0 10.244.1.2",
            "+ source veth0 fd00::2",
        ]
        with inside(site.other), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            raw.send(SPOOFED["IPv4 of somebody else"])
        assert counted(site) == 0, "a port that is not ours"
        with Monitor(site.node) as monitor:
            assert not guard(site, {"sources": content["sources"][:1]})["changed"]
        assert monitor.changes == []
        other = {**content["sources"][0], "mac_address": "02:00:00:00:01:04"}
        assert guard(site, {"sources": [other]})["objects"] == ["+ source veth0", "- source veth0"]
        with Monitor(site.node) as monitor:
            assert guard(site, content)["changed"]
        assert {event.kind for event in monitor.changes} == {"nft NEWSETELEM", "nft DELSETELEM", "nft NEWGEN"}
        with inside(site.node):
            kernel.run("nft", "flush table bridge weft_sources")
            assert protections() == []
        assert guard(site, content)["changed"]
        assert not arrives(site, SPOOFED["IPv4 of another"])
