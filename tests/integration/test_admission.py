# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets packets into an overlay: attacks are real packets, which arrive without admission, and with it do not."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import json
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from typing import Any, Callable, NamedTuple

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, eventually, inside

ETH_P_ALL = 0x0003  # include/uapi/linux/if_ether.h
SO_RCVBUFFORCE = 33  # include/uapi/asm-generic/socket.h
MAC = {"node": "02:00:00:00:00:01", "peer": "02:00:00:00:00:02"}
UNDERLAY = {4: "192.0.2.{}", 6: "2001:db8::{}"}
# Pods' subnets of peer and other: one that ends within a byte, and one that does not, in each family.
SOURCES = {
    "10.244.1.0/24": "10.245.1.0/24",
    "10.244.1.64/26": "10.244.1.128/26",
    "fd00:10:244:1::/64": "fd00:10:244:2::/64",
    "fd00:10:244:10::/60": "fd00:10:244:20::/60",
}


class Site(NamedTuple):
    """Hosts on one switch: the node itself, two peers and a stranger.

    :ivar addresses: of each in the underlay.
    :ivar seen: what arrives on the node's vxlan0.
    """

    hosts: dict[str, str]
    addresses: dict[str, str]
    seen: socket.socket


@contextlib.contextmanager
def built(version: int) -> Iterator[Site]:
    with contextlib.ExitStack() as stack:
        names = ("node", "peer", "other", "stranger")
        switch, *made = (stack.enter_context(kernel.new_namespace()) for _each in ("switch", *names))
        hosts = dict(zip(names, made))
        kernel.ip(switch, "link", "add", "br0", "up", "type", "bridge", "mcast_snooping", "0")
        addresses = {}
        for number, (name, host) in enumerate(hosts.items(), 1):
            port = f"p{number}"
            kernel.ip(switch, "link", "add", port, "up", "master", "br0", "type", "veth", "peer", "e0", "netns", host)
            addresses[name] = UNDERLAY[version].format(number)
            length = 24 if version == 4 else 64
            nodad = ["nodad"] if version == 6 else []
            kernel.ip(host, "address", "add", f"{addresses[name]}/{length}", "dev", "e0", *nodad)
            kernel.ip(host, "link", "set", "e0", "up")
        tunnel = ["vxlan0", "address", MAC["node"], "type", "vxlan", "id", "10", "dstport", "4789", "nolearning"]
        kernel.ip(hosts["node"], "link", "add", *tunnel, "local", addresses["node"], "dev", "e0")
        kernel.ip(hosts["node"], "link", "set", "vxlan0", "up")
        with inside(hosts["node"]):
            seen = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            seen.bind(("vxlan0", 0))
        stack.callback(seen.close)
        yield Site(hosts, addresses, seen)


@pytest.fixture(params=[4, 6], ids=["underlay of IPv4", "underlay of IPv6"])
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    with built(request.param) as found:
        yield found


def frame(source: str, tag: bytes = b"") -> bytes:
    """An Ethernet frame to the node with an IP packet whose protocol is for experiments (RFC 3692)."""
    address = ipaddress.ip_address(source)
    if address.version == 4:
        packet = struct.pack("!BBHHHBBH", 0x45, 0, 24, 0, 0, 64, 253, 0) + address.packed + b"\x0a\xf4\x00\x02"
    else:
        packet = struct.pack("!IHBB", 6 << 28, 4, 253, 64) + address.packed + ipaddress.ip_address("fd00::2").packed
    macs = bytes.fromhex((MAC["node"] + MAC["peer"]).replace(":", ""))
    kind = b"\x08\x00" if address.version == 4 else b"\x86\xdd"
    return macs + tag + kind + packet + b"weft"


ARP = bytes.fromhex("ffffffffffff020000000002080600010800060400010200000000020af401020000000000000af40002")


def send(site: Site, sender: str, inner: bytes, vni: int = 10, port: int = 4789) -> None:
    """A VXLAN packet, which anybody can send who can send UDP."""
    version = ipaddress.ip_address(site.addresses["node"]).version
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    with inside(site.hosts[sender]), socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.sendto(struct.pack("!BxxxI", 8, vni << 8) + inner, (site.addresses["node"], port))


def received(site: Site, seconds: float = 5) -> bytes:
    """The next frame of ours that arrives on vxlan0; empty: none does."""
    site.seen.settimeout(seconds)
    with contextlib.suppress(TimeoutError, BlockingIOError):
        while True:
            found = site.seen.recv(2048)
            if found.endswith(b"weft") or found[12:14] == b"\x08\x06":
                return found
    return b""


def dropped(site: Site) -> int:
    with inside(site.hosts["node"]):
        listing = json.loads(kernel.run("nft", "-j", "list", "counter", "inet", "weft_admission", "dropped"))
    return int(listing["nftables"][1]["counter"]["packets"])


def first(network: str, number: int = 9) -> str:
    return str(ipaddress.ip_network(network)[number])


def admission(site: Site, source: str) -> list[dict[str, Any]]:
    """Two overlays of the node: peer is in the first, other in both."""
    other = {"address": site.addresses["other"], "sources": [SOURCES[source]]}
    peers = [{"address": site.addresses["peer"], "sources": [source]}, other]
    return [{"port": 4789, "vni": 10, "peers": peers}, {"port": 4789, "vni": 20, "peers": [other]}]


@pytest.fixture
def admit(disk, run_module) -> Iterator[Callable[..., Any]]:
    """Have an overlay's document on the node: in check mode first, which changes nothing and has the same diff."""

    def call(site: Site, listed: Any, **more: Any) -> Any:
        content = {"admission": listed} if listed is not None else {}
        documents = {"overlay": {"sysctl": {"net.ipv4.conf.e0.rp_filter": 0}, **content}}
        parameters: dict[str, Any] = {"persist": False, "documents": documents, **more}
        with inside(site.hosts["node"]):
            before = kernel.ruleset()
            would = run_module("host", check=True, **parameters)
            assert kernel.ruleset() == before
            done = run_module("host", **parameters)
        assert "msg" not in done, done
        assert (would["changed"], would["diff"], would["objects"]) == (done["changed"], done["diff"], done["objects"])
        return done

    kernel.run("rm", "-rf", "/run/weft")
    yield call
    kernel.run("rm", "-rf", "/run/weft")  # the host is another one in the next test


class Attack(NamedTuple):
    """What somebody sends, for the subnet of the peer's pods."""

    sender: str
    inner: Callable[[str], bytes]


ATTACKS = {
    "by a stranger": Attack("stranger", lambda source: frame(first(source))),
    "with the source of another peer": Attack("peer", lambda source: frame(first(SOURCES[source]))),
    "with a source outside of the overlay": Attack(
        "peer", lambda source: frame("198.51.100.7" if "." in source else "2001:db8:7::7")
    ),
    "with a link-local source": Attack("peer", lambda _source: frame("fe80::7")),  # as of a router advertisement
    "with a tag of a VLAN": Attack("peer", lambda source: frame(first(source), b"\x81\x00\x00\x05")),
    "with ARP": Attack("peer", lambda _source: ARP),
}


@pytest.mark.parametrize("source", SOURCES)
def test_attacks(source: str, site: Site, admit) -> None:
    own = frame(first(source))

    def arrives(attack: Attack) -> bool:
        send(site, attack.sender, attack.inner(source))
        return bool(received(site))

    assert [name for name, attack in ATTACKS.items() if not arrives(attack)] == [], "nothing protects yet"
    admit(site, admission(site, source))
    for number, (name, attack) in enumerate(ATTACKS.items(), 1):
        send(site, attack.sender, attack.inner(source))
        send(site, "peer", own)
        assert received(site) == own, f"{name}: the peer's own arrives, and the attack does not"
        assert dropped(site) == number, name
    admit(site, None)
    assert arrives(ATTACKS["by a stranger"])


def test_a_peer_of_another_overlay(site: Site, admit) -> None:
    source = "10.244.1.0/24"
    listed = admission(site, source)
    listed[0]["peers"].pop()
    inner = frame(first(SOURCES[source]))
    send(site, "other", inner)
    assert received(site)
    admit(site, listed)
    send(site, "other", inner)
    eventually(lambda: dropped(site) == 1)
    send(site, "other", inner, vni=20)  # admitted; the kernel has no such VXLAN
    listed[1]["vni"], listed[0]["vni"] = 10, 20
    admit(site, listed)
    send(site, "other", inner)
    assert received(site)
    assert dropped(site) == 1


def test_other_traffic_is_let_through(site: Site, admit) -> None:
    admit(site, admission(site, "10.244.1.0/24"))
    address = site.addresses["node"]
    command = ["ip", "netns", "exec", site.hosts["stranger"], "ping", "-n", "-c", "1", "-W", "2", address]
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    with inside(site.hosts["node"]):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as udp, socket.create_server((address, 4789), family=family):
            udp.bind((address, 5000))
            udp.settimeout(5)
            send(site, "stranger", b"hello", port=5000)
            assert udp.recv(100)[8:] == b"hello"
            with inside(site.hosts["stranger"]):
                socket.create_connection((address, 4789), 5).close()
    assert dropped(site) == 0


def test_a_network_of_peers(site: Site, admit) -> None:
    """As with a control plane, where nodes do not know each other."""
    network = "192.0.2.0/31" if "." in site.addresses["node"] else "2001:db8::2/127"
    wide = [{"address": one, "sources": ["10.244.0.0/15"]} for one in (network, site.addresses["peer"])]
    admit(site, [{"port": 4789, "vni": 10, "peers": wide}])
    send(site, "peer", frame("10.245.7.7"))
    assert received(site)
    send(site, "peer", frame("10.246.7.7"))
    send(site, "stranger", frame("10.245.7.7"))
    eventually(lambda: dropped(site) == 2)


# -- changes ---------------------------------------------------------------------------------------

SOURCE = "10.244.1.0/24"


@contextlib.contextmanager
def stream(site: Site) -> Iterator[None]:
    """The peer sends a packet each millisecond, and all arrive."""
    stop, sent = threading.Event(), []

    def run() -> None:
        while not stop.wait(0.001):
            sent.append(None)
            send(site, "peer", frame(first(SOURCE)))

    site.seen.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 26)
    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    found = 0
    while found < len(sent) and received(site):
        found += 1
    assert found == len(sent) > 100


def test_nothing_is_lost_while_it_changes(admit) -> None:
    with built(4) as site:
        listed = admission(site, SOURCE)
        more = {"address": "192.0.2.77", "sources": ["10.244.77.0/25"]}
        with stream(site):
            admit(site, listed)
            admit(site, [{**listed[0], "peers": [*listed[0]["peers"], more]}, {**listed[1], "port": 8472}])
            admit(site, listed[:1])
            admit(site, None)


def test_elements_change_in_place(admit) -> None:
    with built(4) as site:
        listed = admission(site, SOURCE)
        node = site.hosts["node"]
        assert admit(site, listed)["objects"] == [
            "+ table inet weft_admission",
            "+ peer 192.0.2.2 vni 10 port 4789 source 10.244.1.0/24",
            "+ peer 192.0.2.3 vni 10 port 4789 source 10.245.1.0/24",
            "+ peer 192.0.2.3 vni 20 port 4789 source 10.245.1.0/24",
            "+ port 4789 of VXLANs",
        ]
        send(site, "stranger", frame(first(SOURCE)))
        with Monitor(node) as monitor:
            assert not admit(site, listed)["changed"]
        assert monitor.changes == []
        with Monitor(node) as monitor:
            listed[0]["peers"][1:] = [{"address": "192.0.2.7", "sources": ["10.244.7.0/24"]}]
            assert admit(site, listed)["objects"] == [
                "+ peer 192.0.2.7 vni 10 port 4789 source 10.244.7.0/24",
                "- peer 192.0.2.3 vni 10 port 4789 source 10.245.1.0/24",
            ]
        assert {event.kind for event in monitor.changes} == {"nft NEWSETELEM", "nft DELSETELEM", "nft NEWGEN"}
        assert dropped(site) == 1, "the counter goes on"


OTHERS = [
    "flush chain inet weft_admission weft_input",
    "add rule inet weft_admission weft_input drop",
    "add element inet weft_admission ports { 53 }",
    "add element inet weft_admission peers_4_4_24 { 192.0.2.9 . 4789 . 10 . 0x0af401 }",
    "delete element inet weft_admission peers_4_4_24 { 192.0.2.2 . 4789 . 10 . 0x0af401 }",
    "delete table inet weft_admission",
    "add set inet weft_admission theirs { type ipv4_addr; }",
    "add chain inet weft_admission theirs",
]


def test_what_others_change_is_repaired(admit) -> None:
    with built(4) as site:
        listed = admission(site, SOURCE)
        admit(site, listed)
        with inside(site.hosts["node"]):
            before = kernel.ruleset()
        for command in OTHERS:
            with inside(site.hosts["node"]):
                kernel.run("nft", command)
                assert kernel.ruleset() != before, command
            assert admit(site, listed)["changed"], command
            with inside(site.hosts["node"]):
                assert kernel.ruleset() == before, command
        assert not admit(site, listed)["changed"]


def test_a_table_of_somebody_else_is_left_alone(admit, run_module) -> None:
    with built(4) as site, inside(site.hosts["node"]):
        kernel.run("nft", "add table inet weft_admission; add chain inet weft_admission theirs")
        content = {"admission": admission(site, SOURCE)}
        refused = run_module("host", persist=False, documents={"overlay": content})["msg"]
        assert "table inet weft_admission exists and is not ours" in refused


def test_ten_thousand_peers(admit) -> None:
    with built(4) as site:
        networks = ipaddress.ip_network("10.0.0.0/8").subnets(new_prefix=24)
        peers = [
            {"address": str(address), "sources": [str(network)]}
            for address, network in zip(ipaddress.ip_network("172.16.0.0/12"), itertools.islice(networks, 10_000))
        ]
        listed = [{"port": 4789, "vni": 10, "peers": [*peers, *admission(site, SOURCE)[0]["peers"]]}]
        admit(site, listed)
        send(site, "peer", frame(first(SOURCE)))
        assert received(site)
        listed[0]["peers"].pop(5000)
        assert len(admit(site, listed)["objects"]) == 1
