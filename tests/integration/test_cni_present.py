# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI networks on hosts and in containers that have something already: interfaces, bridges and addresses of others."""

from __future__ import annotations

import pathlib
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.cni import ONE, SIX, config, host_local

pytestmark = pytest.mark.usefixtures("disk")

NETWORKS = pathlib.Path("/var/lib/cni/networks")
MINE = config("bridge", host_local(ONE), bridge="cni0", isGateway=True, ipMasq=True)
OTHER = config("bridge", host_local({"subnet": "10.10.0.0/24"}), bridge="cni1", isGateway=True, ipMasq=True) | {
    "name": "other"
}
STATIC = config("bridge", {"type": "static", "addresses": [{"address": "10.11.0.5/24"}]}, bridge="cni0")
ELSEWHERE = config("bridge", {"type": "static", "addresses": [{"address": "10.11.0.6/24"}]}, bridge="cni0")

Attach = Callable[..., Any]


@pytest.fixture
def attach(run_module) -> Attach:
    def call(host: str, *items: dict[str, Any], **more: Any) -> Any:
        with kernel.inside(host):
            return run_module("cni", attachments=list(items), **more)

    return call


def reserved() -> set[str]:
    return {str(path.relative_to(NETWORKS)) for path in NETWORKS.glob("*/*") if path.name[0].isdigit()}


def masqueraded(host: str) -> str:
    return kernel.run("ip", "netns", "exec", host, "nft", "list", "ruleset")


# What is in the container already.
THERE = {
    "a pair in a bridge of somebody else": (
        "ip -n HOST link add docker0 type bridge",
        "ip -n HOST link add theirs master docker0 type veth peer name eth0 netns POD",
    ),
    "a pair within the container": ("ip -n POD link add eth0 type veth peer name eth1",),
    "a macvlan": (
        "ip -n HOST link add up0 type veth peer name up1",
        "ip -n HOST link add link up0 name eth0 netns POD type macvlan",
    ),
}


def others_in(host: str, pod: str, what: str) -> None:
    for command in THERE[what]:
        kernel.run(*command.replace("HOST", host).replace("POD", pod).split())
    kernel.ip(pod, "address", "add", "192.0.2.7/24", "dev", "eth0")


@pytest.mark.parametrize("network", [MINE, STATIC], ids=["host-local", "static"])
@pytest.mark.parametrize("what", THERE)
def test_an_interface_of_somebody_else_is_refused(attach: Attach, ns, what: str, network: dict[str, Any]) -> None:
    host, pod = ns(), ns()
    others_in(host, pod, what)
    with kernel.Monitor(host, pod) as monitor:
        for check in (True, False):
            result = attach(host, {"netns": pod, "network": network}, check=check)
            assert "attachments[0].interface: 'eth0' is refused" in result["msg"]
            assert f"namespace {pod} has a link of this name" in result["msg"]
    assert (monitor.changes, reserved()) == ([], set())


def test_a_pair_of_somebody_else_is_not_taken_without_addresses(attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    for command in THERE["a pair in a bridge of somebody else"]:
        kernel.run(*command.replace("HOST", host).replace("POD", pod).split())
    with kernel.Monitor(host, pod) as monitor:
        result = attach(host, {"netns": pod, "network": config("bridge")})
    assert f"link eth0 in namespace {pod}: its other end is theirs, not veth" in result["msg"]
    assert monitor.changes == []


def test_a_second_network_for_one_interface_is_refused(attach: Attach, ns) -> None:
    """The first one would keep its address and its rule."""
    host, pod = ns(), ns()
    assert attach(host, {"netns": pod, "network": MINE})["changed"]
    before, rules = reserved(), masqueraded(host)
    with kernel.Monitor(host, pod) as monitor:
        for more in ({}, {"recreate": True}):
            result = attach(host, {"netns": pod, "network": OTHER, **more})
            assert "it is in network mynet: detach it from that first" in result["msg"]
        result = attach(host, {"netns": pod, "network": STATIC})
        assert "has a link of this name with 10.9.0.2/24" in result["msg"]
        result = attach(host, {"netns": pod, "network": OTHER}, state="absent")
        assert f"eth0 of {pod} is in network mynet: give that network's configuration" in result["msg"]
    assert (monitor.changes, reserved(), masqueraded(host)) == ([], before, rules)
    # One after the other, and two interfaces, are right.
    assert attach(host, {"netns": pod, "network": OTHER, "interface": "eth1"})["changed"]
    assert reserved() == {"mynet/10.9.0.2", "other/10.10.0.2"}
    assert attach(host, {"netns": pod, "network": MINE}, state="absent")["changed"]
    assert attach(host, {"netns": pod, "network": STATIC})["changed"]
    assert reserved() == {"other/10.10.0.2"}


ALONE = config("bridge", bridge="cni0")
NEVER = {
    "host-local": MINE,
    "static": STATIC,
    "no ipam": ALONE,
    "ptp": config("ptp", host_local(ONE)),
    "macvlan": config("macvlan", master="eth9"),
    "host-device": config("host-device", device="eth9"),
}


@pytest.mark.parametrize("name", NEVER)
@pytest.mark.parametrize("what", THERE)
def test_an_interface_that_was_never_attached_is_not_removed(attach: Attach, ns, what: str, name: str) -> None:
    host, pod = ns(), ns()
    others_in(host, pod, what)
    with kernel.Monitor(host, pod) as monitor:
        for check in (True, False):
            refused = attach(host, {"netns": pod, "network": NEVER[name]}, state="absent", check=check)
            assert "attachments[0].interface: 'eth0' is refused" in refused["msg"]
            assert f"namespace {pod} has a link of this name, which is not in network mynet" in refused["msg"]
        # Where there is nothing, nothing is to be done.
        for item in ({"netns": pod, "interface": "eth7"}, {"netns": "nobody"}):
            assert not attach(host, {**item, "network": NEVER[name]}, state="absent")["changed"]
    assert monitor.changes == []


# A network that is attached, and one of another container, of other addresses, or of another bridge.
MISTAKEN = {
    "container": (MINE, {"network": MINE, "container": "somebody"}),
    "addresses": (STATIC, {"network": ELSEWHERE}),
    "host-local": (STATIC, {"network": MINE}),
    "static": (ALONE, {"network": MINE}),
    "bridge": (ALONE, {"network": {**ALONE, "bridge": "cni1"}}),
    "plugin": (ALONE, {"network": config("ptp", host_local(ONE))}),
}


@pytest.mark.parametrize("name", MISTAKEN)
def test_a_network_is_detached_by_its_own_configuration(attach: Attach, ns, name: str) -> None:
    host, pod = ns(), ns()
    right, wrong = MISTAKEN[name]
    assert attach(host, {"netns": pod, "network": right})["changed"]
    with kernel.Monitor(host, pod) as monitor:
        assert "is refused" in attach(host, {"netns": pod, **wrong}, state="absent")["msg"]
    assert monitor.changes == []
    assert attach(host, {"netns": pod, "network": right}, state="absent")["changed"]
    assert [link["ifname"] for link in kernel.ip_json(pod, "link")] == ["lo"]


def test_an_interface_that_took_the_place_of_ours_is_not_removed(attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    assert attach(host, {"netns": pod, "network": MINE})["changed"]
    kernel.ip(pod, "link", "delete", "eth0")
    others_in(host, pod, "a pair in a bridge of somebody else")
    with kernel.unchanged(host, pod):
        refused = attach(host, {"netns": pod, "network": MINE}, state="absent")
    assert "which is not in network mynet" in refused["msg"]
    kernel.ip(pod, "link", "delete", "eth0")
    assert attach(host, {"netns": pod, "network": MINE}, state="absent")["changed"]
    assert reserved() == set()


def test_an_interface_without_its_addresses_is_removed(attach: Attach, ns) -> None:
    """As an interrupted run leaves it."""
    for network in (MINE, STATIC, config("ptp", host_local(ONE))):
        host, pod = ns(), ns()
        assert attach(host, {"netns": pod, "network": network})["changed"]
        kernel.ip(pod, "address", "flush", "dev", "eth0")
        assert attach(host, {"netns": pod, "network": network}, state="absent")["changed"]
        assert [link["ifname"] for link in kernel.ip_json(pod, "link")] == ["lo"]


def addresses(host: str, dev: str) -> set[str]:
    found = kernel.ip_json(host, "address", "show", "dev", dev)[0]["addr_info"]
    return {f"{one['local']}/{one['prefixlen']}" for one in found if one["scope"] == "global"}


def test_a_bridge_with_a_mac_address_and_addresses_of_others(attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    mac = "02:00:00:00:00:42"
    kernel.ip(host, "link", "add", "cni0", "address", mac, "type", "bridge")
    for address in ("192.0.2.1/24", "2001:db8::1/64"):
        kernel.ip(host, "address", "add", address, "dev", "cni0")
    check = attach(host, {"netns": pod, "network": MINE}, check=True)
    done = attach(host, {"netns": pod, "network": MINE})
    assert (done.get("msg"), check["diff"]) == (None, done["diff"])
    assert kernel.ip_json(host, "link", "show", "cni0")[0]["address"] == mac
    assert addresses(host, "cni0") == {"192.0.2.1/24", "2001:db8::1/64", "10.9.0.1/24"}
    assert done["cni"][0]["interfaces"][0] == {"name": "cni0", "mac": mac}
    assert not attach(host, {"netns": pod, "network": MINE})["changed"]


@pytest.mark.parametrize(
    ("ranges", "left"),
    [
        ([ONE], {"10.9.0.1/24", "2001:db8::1/64", "fd09::7/64"}),
        ([SIX], {"192.0.2.1/24", "2001:db8::1/64", "fd09::1/64"}),
        ([ONE, SIX], {"10.9.0.1/24", "2001:db8::1/64", "fd09::1/64"}),
    ],
    ids=["IPv4", "IPv6", "both"],
)
def test_force_address_is_of_each_family(attach: Attach, ns, ranges: list[dict[str, str]], left: set[str]) -> None:
    """Of IPv4 all others are replaced; of IPv6 those of the same subnet (bridge.go: ensureAddr)."""
    host, pod = ns(), ns()
    kernel.ip(host, "link", "add", "cni0", "type", "bridge")
    for address in ("192.0.2.1/24", "2001:db8::1/64", "fd09::7/64"):
        kernel.ip(host, "address", "add", address, "dev", "cni0")
    network = config("bridge", host_local(*ranges), bridge="cni0", isGateway=True, forceAddress=True)
    check = attach(host, {"netns": pod, "network": network}, check=True)
    done = attach(host, {"netns": pod, "network": network})
    assert (done.get("msg"), check["diff"], addresses(host, "cni0")) == (None, done["diff"], left)
    assert not attach(host, {"netns": pod, "network": network})["changed"]


def test_a_bridge_that_takes_its_ports_mac_address_gets_one_of_its_own(run_module, ns) -> None:
    pod = ns()
    kernel.run("ip", "link", "add", "cni0", "type", "bridge")
    try:
        for _round in range(2):
            done = run_module("cni", attachments=[{"netns": pod, "network": MINE}])
            (link,) = kernel.ip_json("", "link", "show", "cni0")
            assert done.get("msg") is None
            assert pathlib.Path("/sys/class/net/cni0/addr_assign_type").read_text() == "3\n"
        assert not done["changed"]
        assert run_module("cni", attachments=[{"netns": pod, "network": MINE}], state="absent")["changed"]
        assert kernel.ip_json("", "link", "show", "cni0")[0]["address"] == link["address"]
    finally:
        kernel.run("ip", "link", "delete", "cni0")
        kernel.run("nft", "flush", "ruleset")
        kernel.run("sysctl", "-q", "net.ipv4.ip_forward=0")


def test_two_addresses_of_one_range_set_are_refused(run_module, ns) -> None:
    item = {"netns": ns(), "network": MINE, "addresses": ["10.9.0.88", "10.9.0.77"]}
    message = run_module("cni", attachments=[item])["msg"]
    assert (
        "attachments[0].addresses[1]: '10.9.0.77' is refused: an interface has one address of each range set" in message
    )
    assert reserved() == set()


def test_a_resolver_file_that_is_missing_is_refused_before(attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    network = config("bridge", host_local(ONE, resolvConf="/nowhere/resolv.conf"))
    with kernel.Monitor(host, pod) as monitor:
        for check in (True, False):
            message = attach(host, {"netns": pod, "network": network}, check=check)["msg"]
            assert "attachments[0].network.ipam.resolvConf: '/nowhere/resolv.conf' is refused: No such file" in message
    assert (monitor.changes, reserved()) == ([], set())


def spoofing(host: str, pod: str, mac: str) -> bool:
    """Whether a frame with this source gets from a pod's interface to the bridge."""
    frame = bytes.fromhex("ff" * 6 + mac.replace(":", "") + "88b5" + "00" * 46)
    with kernel.inside(host), socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x88B5)) as listener:
        listener.bind(("cni0", 0x88B5))
        listener.settimeout(0.3)
        with kernel.inside(pod), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
            sender.bind(("eth0", 0))
            sender.send(frame)
        try:
            return bool(listener.recv(100))
        except TimeoutError:
            return False


def has_bridge_tables() -> bool:
    command = [
        "unshare",
        "--net",
        "nft",
        "add table bridge t; add chain bridge t c { type filter hook prerouting priority 0; }",
    ]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not has_bridge_tables(), reason="this kernel has no nftables for bridges")
def test_frames_with_a_mac_address_of_others_are_dropped(attach: Attach, ns) -> None:
    host, pod, other = ns(), ns(), ns()
    network = {**MINE, "macspoofchk": True}
    check = attach(host, {"netns": pod, "network": network}, check=True)
    done = attach(host, {"netns": pod, "network": network})
    assert (done.get("msg"), check["diff"]) == (None, done["diff"])
    assert attach(host, {"netns": other, "network": MINE})["changed"]
    own = kernel.ip_json(pod, "link", "show", "eth0")[0]["address"]
    assert spoofing(host, pod, own)
    assert not spoofing(host, pod, "02:00:00:00:00:66")
    assert spoofing(host, other, "02:00:00:00:00:66"), "the rule is of one port"
    with kernel.unchanged(host, pod):
        assert not attach(host, {"netns": pod, "network": network})["changed"]
    kernel.run("ip", "netns", "exec", host, "nft", "flush", "ruleset")
    assert attach(host, {"netns": pod, "network": network})["changed"]
    assert not spoofing(host, pod, "02:00:00:00:00:66")
    assert attach(host, {"netns": pod, "network": {**MINE, "macspoofchk": False}})["changed"]
    assert spoofing(host, pod, "02:00:00:00:00:66")
    attach(host, {"netns": pod, "network": network})
    assert "table bridge weft_cni" in masqueraded(host)
    attach(host, {"netns": pod, "network": network}, state="absent")
    assert "table bridge" not in masqueraded(host)
