# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""WireGuard: the life of a tunnel, its secrets, its peers under traffic, and tables that take many messages."""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import life
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, eventually, inside, ip, ip_json, run, wg
from ansible_collections.weft.fabric.tests.integration.life import Case

KEYS = pathlib.Path("/run/keys")  # of a file system that ends with the process
# Made by wg(8): private key, public key.
ONE = ("GPYCm+an8NW40aaU4GJW03C9mb9tDpHJYSBhkKvMb0o=", "AndQu0rkaS64+/+n3+CFyfhg8qA4yEKw7ONhHBE5HlE=")
TWO = ("+CIM12vJmayJ7+4dpHJyihl6Nm/xZ/BSIjhUDtA57HI=", "Oi5r1PQpu1BMU2fHJLvVPxF/5vEyVGlKT7eTPxUlYzY=")
THREE = ("2PmxrH7iV2dXmRuBIm5p1GMDNXNsjMCDj0RTyqYk7kU=", "")
PEER, OTHER = TWO[1], "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg="


@pytest.fixture(autouse=True)
def _keys() -> Iterator[None]:
    KEYS.mkdir(mode=0o700, exist_ok=True)
    for name, (private, _public) in {"one": ONE, "two": TWO, "psk": THREE}.items():
        write(name, private)
    yield
    run("rm", "-r", str(KEYS))


def write(name: str, key: str) -> str:
    path = KEYS / name
    path.touch(0o600)
    path.write_text(f"{key}\n", encoding="ascii")
    return str(path)


def peer(
    key: str, psk: str = "(none)", endpoint: str = "(none)", allowed: str = "(none)", keepalive: str = "off"
) -> Any:
    """A row of ``wg show all dump`` as snapshot() has it."""
    return ["wg0", key, psk, endpoint, allowed, keepalive]


CASES = {
    "wireguard": Case(
        "wireguard",
        create={
            "name": "wg0",
            "private_key_file": "/run/keys/one",
            "listen_port": 51820,
            "addresses": ["10.1.0.1/24", "fd00:1::1/64"],
            "peers": [
                {
                    "public_key": PEER,
                    "endpoint": "192.0.2.2:51820",
                    "preshared_key_file": "/run/keys/psk",
                    "persistent_keepalive": 25,
                    "allowed_ips": ["10.1.0.2/32"],
                },
                {"public_key": OTHER, "endpoint": "[2001:db8::3]:51821", "allowed_ips": ["10.2.0.0/16", "fd00:2::/64"]},
            ],
        },
        made={
            "HOST": {
                "links": {"wg0": {"kind": "wireguard", "mtu": 1420, "up": True}},
                "addresses": [("wg0", "10.1.0.1/24"), ("wg0", "fd00:1::1/64")],
                "wireguard": sorted(
                    [
                        ["wg0", *ONE, "51820", "off"],
                        peer(PEER, THREE[0], "192.0.2.2:51820", "10.1.0.2/32", "25"),
                        peer(OTHER, endpoint="[2001:db8::3]:51821", allowed="10.2.0.0/16,fd00:2::/64"),
                    ]
                ),
            }
        },
        change={
            "name": "wg0",
            "private_key_file": "/run/keys/one",
            "listen_port": 51821,
            "fwmark": 5,
            "mtu": 1380,
            "addresses": ["10.1.0.1/24"],
            "purge_addresses": True,
            "peers": [
                {
                    "public_key": PEER,
                    "endpoint": "192.0.2.9:51820",
                    "preshared_key_file": "",
                    "persistent_keepalive": 0,
                    "allowed_ips": ["10.2.0.0/16"],
                },
            ],
        },
        changed={
            "HOST": {
                "links": {"wg0": {"kind": "wireguard", "mtu": 1380, "up": True}},
                "addresses": [("wg0", "10.1.0.1/24")],
                "wireguard": sorted(
                    [["wg0", *ONE, "51821", "0x5"], peer(PEER, endpoint="192.0.2.9:51820", allowed="10.2.0.0/16")]
                ),
            }
        },
        drift=(
            "ip netns exec HOST wg set wg0 private-key /run/keys/two",
            "ip netns exec HOST wg set wg0 listen-port 51999",
            "ip netns exec HOST wg set wg0 fwmark 9",
            f"ip netns exec HOST wg set wg0 peer {PEER} remove",
            f"ip netns exec HOST wg set wg0 peer {PEER} endpoint 192.0.2.3:1",
            f"ip netns exec HOST wg set wg0 peer {PEER} allowed-ips 10.2.0.0/16,10.3.0.0/16",
            f"ip netns exec HOST wg set wg0 peer {PEER} persistent-keepalive 3",
            f"ip netns exec HOST wg set wg0 peer {PEER} preshared-key /run/keys/psk",
            f"ip netns exec HOST wg set wg0 peer {OTHER} allowed-ips 10.2.0.0/16",
            "ip -n HOST link set wg0 down",
            "ip -n HOST link delete wg0",
        ),
        missing=("name",),
        delete={"name": "wg0"},
    ),
}

test_life = life.test_of(CASES)
test_missing_arguments = life.test_missing_arguments_of(CASES)

needs_wireguard = pytest.mark.needs_kind("wireguard")


@pytest.fixture
def pair(ns) -> tuple[str, str]:
    """Two namespaces on one cable."""
    here, there = ns(), ns()
    ip(here, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", there)
    for number, name in enumerate((here, there), 1):
        ip(name, "address", "add", f"192.0.2.{number}/24", "dev", "eth0")
        ip(name, "link", "set", "eth0", "up")
    return here, there


def ends(*more: dict[str, Any]) -> list[dict[str, Any]]:
    """The arguments of both ends of a tunnel between 10.9.0.1 and 10.9.0.2.

    :param more: of each peer.
    """
    first, second = more or ({}, {})
    return [
        {
            "name": "wg0",
            "private_key_file": f"/run/keys/{own}",
            "listen_port": 51820,
            "addresses": [f"10.9.0.{number}/24"],
            "peers": [
                {
                    "public_key": key,
                    "endpoint": f"192.0.2.{3 - number}:51820",
                    "allowed_ips": [f"10.9.0.{3 - number}/32"],
                    **extra,
                }
            ],
        }
        for number, own, key, extra in ((1, "one", TWO[1], first), (2, "two", ONE[1], second))
    ]


def reaches(name: str, address: str) -> bool:
    return "1 received" in run("ip", "netns", "exec", name, "sh", "-c", f"ping -c1 -W2 {address} || true")


def handshake(name: str, key: str) -> int:
    """When the peer's session began; 0: it has none."""
    return dict(line.split("\t") for line in wg(name, "show", "wg0", "latest-handshakes").splitlines())[key] != "0"


def sent(name: str, key: str) -> int:
    """The bytes sent to a peer since it is one."""
    rows = (line.split("\t") for line in wg(name, "show", "wg0", "transfer").splitlines())
    return next(int(row[2]) for row in rows if row[0] == key)


@needs_wireguard
def test_packets_pass_between_those_who_know_each_other(run_module: Callable[..., Any], pair: tuple[str, str]) -> None:
    here, there = pair
    psk = {"preshared_key_file": "/run/keys/psk"}
    for name, arguments in zip(pair, ends(psk, psk)):
        made = run_module("wireguard", netns=name, **arguments)
        assert made.rc == 0, made
        assert made["link"]["public_key"] == wg(name, "show", "wg0", "public-key").strip()
    assert reaches(here, "10.9.0.2") and reaches(there, "10.9.0.1")
    before = sent(here, TWO[1])
    assert before > 0
    # Another peer comes: the session of the first is not touched.
    one = ends(psk, psk)[0]
    one["peers"].append({"public_key": OTHER, "allowed_ips": ["10.9.1.0/24"]})
    assert run_module("wireguard", netns=here, **one)["changed"]
    assert sent(here, TWO[1]) >= before and handshake(here, TWO[1])
    assert reaches(here, "10.9.0.2")
    # One end has another preshared key: no new session comes about.
    write("psk2", ONE[0])
    other = ends(psk, {"preshared_key_file": "/run/keys/psk2"})[1]
    result = run_module("wireguard", netns=there, **other)
    assert (
        result["diff"]["after"].count("preshared_key new") == 1 == result["diff"]["before"].count("preshared_key set")
    )
    ip(there, "link", "set", "wg0", "down")  # which ends its sessions
    ip(there, "link", "set", "wg0", "up")
    assert not reaches(there, "10.9.0.1")
    assert run_module("wireguard", netns=there, **ends(psk, psk)[1])["changed"]
    eventually(lambda: reaches(there, "10.9.0.1"))
    # A peer that is not listed any more is none.
    assert run_module("wireguard", netns=here, **{**one, "peers": []})["changed"]
    assert not reaches(there, "10.9.0.1")


@needs_wireguard
def test_no_secret_is_in_any_result(run_module: Callable[..., Any], ns) -> None:
    name = ns()
    psk = {"preshared_key_file": "/run/keys/psk"}
    arguments = {"netns": name, **ends(psk, psk)[0]}
    results = [
        run_module("wireguard", check=True, **arguments),
        run_module("wireguard", **arguments),
        run_module("wireguard", **{**arguments, "private_key_file": "/run/keys/two", "peers": []}),
        run_module("wireguard", **arguments),
        run_module("topology_info", namespaces=[name]),
        run_module("wireguard", netns=name, name="wg0", state="absent"),
        run_module("wireguard", netns=name, name="wg1", private_key_file="/run/keys/none"),
    ]
    text = json.dumps(results)
    assert ONE[1] in text and not [key for key, _public in (ONE, TWO, THREE) if key in text]


@needs_wireguard
@pytest.mark.parametrize(
    ("more", "told"),
    [
        (
            {"private_key_file": "/run/keys/none"},
            "private_key_file: file /run/keys/none does not exist",
        ),
        (
            {"private_key_file": "/run/keys/open"},
            "private_key_file: '/run/keys/open' is refused: root alone may read it",
        ),
        ({"private_key_file": "/run/keys/users"}, "'/run/keys/users' is refused: root alone may read it"),
        pytest.param(
            {"public_key": OTHER},
            f"public_key: '{OTHER}' is refused: that of /run/keys/one is {ONE[1]}",
            id="public_key",  # what pytest calls a long text depends on its version
        ),
        ({"peers": [{"public_key": ONE[1]}]}, "a peer in the list has the same"),
        ({"peers": [{"public_key": PEER, "endpoint": "192.0.2.1"}]}, "peers[0].endpoint: '192.0.2.1' is refused"),
        ({"controller": "br0"}, "wg0 carries IP packets, no Ethernet frames"),
        ({"mac_address": "02:00:5e:00:00:01"}, "a wireguard has none of its own"),
    ],
)
def test_what_is_refused(more: dict[str, Any], told: str, run_module: Callable[..., Any], ns) -> None:
    name = ns()
    ip(name, "link", "add", "br0", "type", "bridge")
    write("open", ONE[0])
    (KEYS / "open").chmod(0o640)
    write("users", ONE[0])
    run("chown", "65534", str(KEYS / "users"))
    arguments = {"netns": name, **ends()[0], **more}
    with Monitor(name) as monitor:
        refused = run_module("wireguard", **arguments)
    assert refused["failed"] and told in refused["msg"] and "\n" not in refused["msg"]
    assert monitor.changes == []


@needs_wireguard
def test_a_port_that_is_taken(run_module: Callable[..., Any], ns) -> None:
    name = ns()
    assert run_module("wireguard", netns=name, name="wg0", listen_port=51820)["changed"]
    refused = run_module("wireguard", netns=name, name="wg1", listen_port=51820)
    assert "choose another listen_port" in refused["msg"] and "EADDRINUSE" in refused["msg"]
    assert run_module("wireguard", netns=name, name="wg1", listen_port=51821)["changed"], "the next run goes on"


@needs_wireguard
def test_a_tunnel_of_somebody_else_is_left_alone(run_module: Callable[..., Any], ns) -> None:
    """A link without a kind, and a task of which only the MTU is asked for."""
    name = ns()
    ip(name, "link", "add", "wg0", "type", "wireguard")
    wg(name, "set", "wg0", "private-key", "/run/keys/one", "peer", PEER, "allowed-ips", "10.0.0.0/8")
    before = wg(name, "show", "wg0", "dump")
    with inside(name):
        assert run_module("topology", namespaces={"": {"links": [{"name": "wg0", "mtu": 1400}]}})["changed"]
    assert run_module("wireguard", netns=name, name="wg0", mtu=1380, admin_state="down")["changed"]
    assert (wg(name, "show", "wg0", "dump"), ip_json(name, "link", "show", "wg0")[0]["mtu"]) == (before, 1380)


@needs_wireguard
def test_a_table_that_takes_many_messages(run_module: Callable[..., Any], ns) -> None:
    name = ns()
    peers = [
        {
            "public_key": wg("", "pubkey", stdin=wg("", "genkey")).strip(),
            "allowed_ips": [f"10.{number}.{low}.0/24" for low in range(20)],
        }
        for number in range(120)
    ]
    peers[7]["allowed_ips"] = [f"172.{16 + number // 256}.{number % 256}.0/24" for number in range(1500)]
    arguments = {"netns": name, "name": "wg0", "peers": peers}
    made = run_module("wireguard", **arguments)
    assert made.rc == 0, made
    rows = (line.split("\t") for line in wg(name, "show", "wg0", "allowed-ips").splitlines())
    found = {key: sorted(subnets.split(" ")) for key, subnets in rows}
    assert found == {peer["public_key"]: sorted(peer["allowed_ips"]) for peer in peers}
    assert not run_module("wireguard", **arguments)["changed"]
    del peers[7]
    fewer = run_module("wireguard", **arguments)
    assert (fewer["changed"], fewer["diff"]["before"].count("\n"), fewer["diff"]["after"]) == (True, 1, "")


@needs_wireguard
@pytest.mark.needs_kind("vrf")
def test_a_tunnel_in_a_vrf(run_module: Callable[..., Any], ns) -> None:
    name = ns()
    assert run_module("vrf", netns=name, name="vrf0", table=10)["changed"]
    arguments = {"netns": name, **ends()[0], "controller": "vrf0"}
    made = run_module("wireguard", **arguments)
    assert (made.get("msg"), ip_json(name, "link", "show", "wg0")[0]["master"]) == (None, "vrf0")
    assert ip_json(name, "route", "show", "10.9.0.0/24", "table", "10")[0]["dev"] == "wg0"
    with Monitor(name) as monitor:
        assert not run_module("wireguard", **arguments)["changed"]
    assert monitor.changes == []
