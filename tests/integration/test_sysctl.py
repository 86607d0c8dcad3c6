# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""sysctl: live values and the file, what is recorded and what comes back."""

from __future__ import annotations

import contextlib
import pathlib
import socket
import struct
import time

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel

FORWARD = "net.ipv4.ip_forward"
REDIRECTS = "net.ipv4.conf.all.accept_redirects"
FILE = pathlib.Path("/etc/sysctl.d/99-weft-router.conf")


def live(key):
    return kernel.run("sysctl", "-n", key).strip()


@pytest.fixture(autouse=True)
def _etc_of_its_own(tmp_path):
    """What a test writes to /etc/sysctl.d goes with its mount, and the values are as at the start."""
    (tmp_path / "sysctl.d").mkdir()
    kernel.run("sysctl", "-q", f"{FORWARD}=0", f"{REDIRECTS}=1")
    kernel.run("mount", "--bind", str(tmp_path / "sysctl.d"), "/etc/sysctl.d")
    yield
    kernel.run("umount", "/etc/sysctl.d")
    kernel.run("sysctl", "-q", f"{FORWARD}=0", f"{REDIRECTS}=1")


def test_missing_arguments(run_module):
    assert "name" in run_module("sysctl", settings={FORWARD: 1})["msg"]
    assert "settings" in run_module("sysctl", name="router")["msg"]


@pytest.mark.parametrize(
    ("name", "settings", "named"),
    [
        ("a/b", {FORWARD: 1}, ["name", "a/b"]),
        ("router", {"ip_forward": 1}, ["settings", "ip_forward"]),
        ("router", {"net.ipv4.no_such_thing": 1}, ["settings", "net.ipv4.no_such_thing"]),
        ("router", {"net/../../../etc/passwd": 1}, ["settings", "passwd"]),
        ("router", {FORWARD: ""}, [FORWARD]),
        ("router", {FORWARD: [1]}, [FORWARD, "[1]"]),
        ("router", {FORWARD: "1\n0"}, [FORWARD]),
    ],
)
def test_refused(run_module, name, settings, named):
    message = run_module("sysctl", name=name, settings=settings)["msg"]
    assert [part for part in named if part not in message] == []
    assert list(FILE.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (FORWARD, "perhaps"),
        (FORWARD, "09"),
        ("net.ipv4.ip_local_reserved_ports", "80-79"),
        ("net.ipv4.ip_default_ttl", "256"),
        ("net.ipv4.tcp_congestion_control", "no_such_control"),
        ("net/ipv4/conf/lo/rp_filter", "loose"),
        ("net.ipv6.conf.lo.accept_dad", "never"),
        ("vm.swappiness", "low"),
    ],
)
def test_a_value_that_the_kernel_refuses_is_refused_before(run_module, key, value):
    before = live(FORWARD)
    for check in (True, False):
        message = run_module("sysctl", check=check, name="router", settings={FORWARD: 1, key: value})["msg"]
        assert f"settings[{key}]: {value!r} is refused: the kernel would refuse it" in message
        assert (live(FORWARD), FILE.exists()) == (before, False)


RESERVED = "net.ipv4.ip_local_reserved_ports"


@pytest.mark.parametrize(
    ("key", "value", "printed"),
    [
        (RESERVED, "8080,8081", "8080-8081"),
        (RESERVED, "9000-9002,8080,8081,9003", "8080-8081,9000-9003"),
        (FORWARD, "01", "1"),
        (FORWARD, "0x1", "1"),
        ("net.ipv4.ip_default_ttl", "0100", "64"),
        ("net.ipv4.tcp_rmem", "8192", "8192\t131072"),
        ("net.ipv4.ping_group_range", "1  2", "1\t2"),
    ],
)
def test_a_value_is_compared_as_the_kernel_has_it(run_module, key, value, printed):
    before = live(key)
    try:
        if value == "0100":
            kernel.run("sysctl", "-q", f"{key}=65")
        made = run_module("sysctl", name="router", settings={key: value})
        assert (made["changed"], made.get("warnings")) == (True, None)
        assert live(key).startswith(printed)
        with kernel.unchanged(""):
            again = run_module("sysctl", name="router", settings={key: value})
        assert again["changed"] is False, again["diff"]
        assert run_module("sysctl", name="router", state="absent")["changed"]
        assert live(key) == ("65" if value == "0100" else before)
    finally:
        kernel.run("sysctl", "-q", f"{key}={before}")


def test_settings_that_change_each_other_are_told(run_module):
    settings = {FORWARD: 1, "net.ipv4.conf.all.forwarding": 0}
    (warning,) = run_module("sysctl", name="router", settings=settings)["warnings"]
    assert f"the kernel has made 0 of {FORWARD} = 1" in str(warning)


def test_the_name_of_an_interface_with_a_dot(run_module):
    for check in (True, False):
        settings = {"net.ipv4.conf.eth0.100.rp_filter": 0}
        message = run_module("sysctl", check=check, name="router", settings=settings)["msg"]
        assert "separate words by slashes, net/ipv4/conf/eth0.100/rp_filter" in message
    kernel.run("ip", "link", "add", "eth0.100", "type", "veth", "peer", "name", "x0")
    try:
        settings = {"net/ipv4/conf/eth0.100/rp_filter": 2}
        assert run_module("sysctl", name="router", settings=settings)["changed"]
        assert kernel.run("cat", "/proc/sys/net/ipv4/conf/eth0.100/rp_filter") == "2\n"
        assert not run_module("sysctl", name="router", settings=settings)["changed"]
    finally:
        kernel.run("ip", "link", "delete", "eth0.100")


@pytest.mark.older_host
def test_there_and_back(run_module):
    check = run_module("sysctl", check=True, name="router", settings={FORWARD: 1})
    assert check["changed"]
    assert (live(FORWARD), FILE.exists()) == ("0", False)

    made = run_module("sysctl", name="router", settings={FORWARD: 1})
    assert made["changed"]
    assert made["diff"] == check["diff"]
    assert made["diff"][0] | {"before": f"{FORWARD} = 0\n", "after": f"{FORWARD} = 1\n"} == made["diff"][0]
    assert live(FORWARD) == "1"
    assert f"\n{FORWARD} = 1\n" in FILE.read_text()
    assert FILE.stat().st_mode & 0o777 == 0o644

    written = FILE.stat()
    again = run_module("sysctl", name="router", settings={FORWARD: "1"})
    assert not again["changed"]
    assert FILE.stat().st_mtime_ns == written.st_mtime_ns

    check = run_module("sysctl", check=True, name="router", state="absent")
    assert (check["changed"], live(FORWARD), FILE.exists()) == (True, "1", True)
    gone = run_module("sysctl", name="router", state="absent")
    assert gone["diff"] == check["diff"]
    assert (gone["changed"], live(FORWARD), FILE.exists()) == (True, "0", False)
    assert not run_module("sysctl", name="router", state="absent")["changed"]


def test_the_file_is_one_that_sysctl_reads(run_module):
    run_module("sysctl", name="router", settings={FORWARD: 1, "net/ipv4/conf/lo/rp_filter": 2})
    kernel.run("sysctl", "-q", f"{FORWARD}=0", "net.ipv4.conf.lo.rp_filter=0")
    kernel.run("sysctl", "-p", str(FILE))
    assert (live(FORWARD), live("net.ipv4.conf.lo.rp_filter")) == ("1", "2")


@pytest.mark.parametrize("drift", ["live", "file", "text"])
def test_drift_is_repaired_and_alone_in_the_diff(run_module, drift):
    settings = {FORWARD: 1, "net.ipv4.conf.lo.rp_filter": 2}
    run_module("sysctl", name="router", settings=settings)
    before = FILE.read_text()
    if drift == "live":
        kernel.run("sysctl", "-q", f"{FORWARD}=0")
    elif drift == "file":
        FILE.unlink()
    else:
        FILE.write_text(before.replace(f"{FORWARD} = 1", f"{FORWARD} = 0"))
    values, file = run_module("sysctl", name="router", settings=settings)["diff"]
    assert values["after"] == (f"{FORWARD} = 1\n" if drift == "live" else "")
    assert (file["before"] == file["after"]) == (drift == "live")
    assert (live(FORWARD), live("net.ipv4.conf.lo.rp_filter")) == ("1", "2")
    assert f"\n{FORWARD} = 1\n" in FILE.read_text()
    assert not run_module("sysctl", name="router", settings=settings)["changed"]


def test_a_value_that_was_there_before_stays(run_module):
    kernel.run("sysctl", "-q", f"{FORWARD}=1")
    run_module("sysctl", name="router", settings={FORWARD: 1})
    run_module("sysctl", name="router", state="absent")
    assert live(FORWARD) == "1"


def test_what_somebody_else_has_set_since_stays(run_module):
    key = "net.ipv4.conf.lo.rp_filter"
    kernel.run("sysctl", "-q", f"{key}=0")
    run_module("sysctl", name="router", settings={key: 2})
    kernel.run("sysctl", "-q", f"{key}=1")
    run_module("sysctl", name="router", state="absent")
    assert live(key) == "1"


@pytest.mark.parametrize("first", ["router", "node"])
def test_what_another_file_asks_for_stays_until_that_goes(run_module, first):
    for name in ("router", "node"):
        run_module("sysctl", name=name, settings={FORWARD: 1})
    last = {"router": "node", "node": "router"}[first]
    check = run_module("sysctl", check=True, name=first, state="absent")
    assert check["changed"]
    assert run_module("sysctl", name=first, state="absent")["diff"] == check["diff"]
    assert live(FORWARD) == "1"
    assert not run_module("sysctl", name=first, state="absent")["changed"]
    run_module("sysctl", name=last, state="absent")
    assert (live(FORWARD), list(FILE.parent.iterdir())) == ("0", [])


def test_a_setting_that_is_dropped_gets_its_value_back(run_module):
    key = "net.ipv4.conf.lo.rp_filter"
    kernel.run("sysctl", "-q", f"{key}=0")
    run_module("sysctl", name="router", settings={FORWARD: 1, key: 2})
    run_module("sysctl", name="router", settings={FORWARD: 1})
    assert (live(FORWARD), live(key)) == ("1", "0")
    assert key not in FILE.read_text()


@pytest.mark.parametrize("redirects", ["0", "1"])
def test_what_one_value_does_to_another_is_undone(run_module, redirects):
    """Switching ip_forward switches accept_redirects the other way (inet_forward_change in net/ipv4/devinet.c)."""
    kernel.run("sysctl", "-q", f"{REDIRECTS}={redirects}")
    run_module("sysctl", name="router", settings={FORWARD: 1, REDIRECTS: 0})
    assert (live(FORWARD), live(REDIRECTS)) == ("1", "0")
    run_module("sysctl", name="router", state="absent")
    assert (live(FORWARD), live(REDIRECTS)) == ("0", redirects)


def test_interrupted_before_the_live_value_was_set(run_module):
    """The file comes first; the record in it is not lost to the next run."""
    run_module("sysctl", name="router", settings={FORWARD: 1})
    kernel.run("sysctl", "-q", f"{FORWARD}=0")
    run_module("sysctl", name="router", settings={FORWARD: 1})
    run_module("sysctl", name="router", state="absent")
    assert live(FORWARD) == "0"


def test_an_interface_to_come(run_module):
    key = "net.ipv4.conf.vxlan-x.rp_filter"
    check = run_module("sysctl", check=True, name="router", settings={key: 2})
    assert (check["changed"], len(check["warnings"])) == (True, 1)
    assert key in run_module("sysctl", name="router", settings={key: 2})["msg"]
    kernel.run("ip", "link", "add", "vxlan-x", "type", "vxlan", "id", "7", "dstport", "4789")
    assert run_module("sysctl", name="router", settings={key: 2})["changed"]
    assert live(key) == "2"
    kernel.run("ip", "link", "delete", "vxlan-x")
    assert run_module("sysctl", name="router", state="absent")["changed"]
    assert not FILE.exists()


SIX = "net.ipv6.conf.all.forwarding"
PREFIX = "2001:db8:a::"


def advertise(router):
    """A router's advertisement of a default route and a prefix (RFC 4861, sections 4.2 and 4.6.2)."""
    head = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
    prefix = struct.pack("!BBBBIII16s", 3, 4, 64, 0xC0, 3600, 3600, 0, socket.inet_pton(socket.AF_INET6, PREFIX))
    with kernel.inside(router), socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.sendto(head + prefix, ("ff02::1", 0, 0, socket.if_nametoindex("far")))


def advertised_routes():
    return [route["dst"] for route in kernel.ip_json("", "-6", "route", "show", "proto", "ra")]


@pytest.fixture
def router(ns):
    """A router on a link of ours, which has an address and a default route by its advertisement."""
    name = ns()
    kernel.run("sysctl", "-q", f"{SIX}=0")
    kernel.run("ip", "link", "add", "near", "type", "veth", "peer", "name", "far", "netns", name)
    kernel.ip(name, "link", "set", "far", "addrgenmode", "none")
    kernel.ip(name, "address", "add", "fe80::1/64", "dev", "far", "nodad")
    kernel.ip(name, "link", "set", "far", "up")
    kernel.run("sysctl", "-q", "net.ipv6.conf.near.accept_ra=1")
    kernel.run("ip", "link", "set", "near", "up")
    heard(name)
    yield name
    kernel.run("ip", "link", "delete", "near")
    kernel.run("sysctl", "-q", f"{SIX}=0")


def heard(router, seconds=10):
    """Advertise until it is heard: a link that has just come up drops what arrives."""
    end = time.monotonic() + seconds
    while "default" not in advertised_routes():
        assert time.monotonic() < end, "the advertisement is not accepted"
        with contextlib.suppress(OSError):  # ENETUNREACH: the router's end is not up to its end yet either
            advertise(router)


def test_a_host_that_forwards_keeps_what_routers_advertise(run_module, router):
    key = "net.ipv6.conf.near.accept_ra"
    assert advertised_routes() == ["default"]
    check = run_module("sysctl", check=True, name="router", settings={SIX: 1})
    assert live(key) == "1"
    made = run_module("sysctl", name="router", settings={SIX: 1})
    assert made["diff"] == check["diff"]
    assert (live(SIX), live(key)) == ("1", "2")
    assert advertised_routes() == ["default"], "switched in an order that loses none"
    kernel.run("ip", "-6", "route", "delete", "default", "proto", "ra")
    heard(router)
    assert not run_module("sysctl", name="router", settings={SIX: 1})["changed"]

    kernel.run("ip", "link", "set", "near", "down")
    assert advertised_routes() == []
    assert not run_module("sysctl", name="router", settings={SIX: 1})["changed"], "the next one is to be heard as well"
    run_module("sysctl", name="router", state="absent")
    assert (live(SIX), live(key)) == ("0", "1")


def test_an_interface_without_advertised_routes_is_left_alone(run_module, router):
    kernel.run("ip", "link", "set", "near", "down")
    made = run_module("sysctl", name="router", settings={SIX: 1})
    assert made["settings"] == {SIX: "1"}
    assert live("net.ipv6.conf.near.accept_ra") == "1"
