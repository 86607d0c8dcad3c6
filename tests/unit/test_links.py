# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links to messages and back: what is asked for is what is read, attribute by attribute."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.kernel import links
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request
from ansible_collections.weft.fabric.plugins.module_utils.kinds import NAMES as KINDS
from ansible_collections.weft.fabric.plugins.module_utils.kinds import PORT_KINDS, PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.attributes import ATTRIBUTES
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import APART, BRIDGE, Option
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link

NAMES = {7: "t0", 8: "eth0", 9: "br0"}
INDEXES = {name: index for index, name in NAMES.items()}
# Values of options that are neither numbers, words nor true or false.
VALUES: dict[str, list[Any]] = {
    "local": ["192.0.2.1"],
    "remote": ["192.0.2.2"],
    "owner": ["5"],
    "group": ["5"],
    "source_macs": [["02:00:5e:10:00:01", "02:00:5e:10:00:02"]],
    "mac_address": ["02:00:5e:10:00:03"],
    "ifalias": ["enp1s0"],
    "altnames": [],
    "ttl": [0, 5, "inherit"],
    "tos": [0, 5, "inherit"],
    "srcport": ["32768-61000"],
    "controller": ["br0"],
}
OF_VXLAN = {
    "local": ["192.0.2.1", "2001:db8::1"],
    "remote": ["192.0.2.2", "2001:db8::2"],
    "group": ["239.1.1.1", "ff05::100"],
    "ttl": [0, 5, "inherit"],
    "tos": [0, 5, "inherit"],
}


def values_of(kind: str, name: str, option: Option) -> list[Any]:
    spec = option.spec or {}
    if spec.get("type") == "bool":
        return [True, False]
    if spec.get("type") == "int":
        return [{"mtu": 1400, "max_age": 20, "mcast_router": 2}.get(name, 5)]
    if "choices" in spec:
        return list(spec["choices"])
    if kind == "vxlan" and name in OF_VXLAN:
        return OF_VXLAN[name]
    return ["eth0"] if option.link and name != "controller" else VALUES[name]


CASES = [
    (kind.name, name, option, value)
    for kind in map(kind_of, KINDS)
    for name, option in {**ATTRIBUTES, **kind.options}.items()
    if option.place not in (APART, BRIDGE, "names") and (kind.own_mac or name != "mac_address")
    # Others only the kernel sends: test_bridge.py.
    if option.spec is not None and not option.sign
    for value in values_of(kind.name, name, option)
]


def decoded(request: Request) -> Any:
    message = links.pyroute2_ifinfmsg()(struct.pack("=IHHII", 16 + len(request.payload), 0, 0, 0, 0) + request.payload)
    message.decode()
    return message


def read_back(request: Request, name: str = "t0") -> Link:
    """A request's link as it would be read."""
    return links._link(decoded(request), {**NAMES, 0: name})


@pytest.mark.parametrize(("kind", "name", "option", "value"), CASES, ids=lambda item: str(item)[:20])
def test_an_attribute_comes_back(kind: str, name: str, option: Option, value: Any) -> None:
    value = option.parse(name, value)
    mode = {"mode": "tap"} if kind == "tuntap" and name == "mac_address" else {}
    link = Link("t0", kind, {name: value, **mode})
    made = read_back(links.create(link, INDEXES.__getitem__))
    if not (name == "mtu" and kind_of(kind).follows_ports):  # the next request sets it
        assert (made.kind, made.attributes[name]) == (kind, value)
    if not option.fixed:
        assert read_back(links.change(link, INDEXES.__getitem__, {})).attributes[name] == value


@pytest.mark.parametrize(
    "name", [name for name, option in PORT_OPTIONS.items() if option.spec and option.place != BRIDGE]
)
def test_an_attribute_of_a_port_comes_back(name: str) -> None:
    for value in values_of(PORT_KINDS[name], name, PORT_OPTIONS[name]):
        link = Link("t0", "", {name: value, "controller": "br0"})
        assert read_back(links.change(link, INDEXES.__getitem__, {})).attributes[name] == value


def test_a_port_is_taken_out_by_an_empty_name() -> None:
    request = links.change(Link("t0", "", {"controller": ""}), INDEXES.__getitem__, {})
    assert decoded(request).get_attr("IFLA_MASTER") == 0


def test_a_pair_is_one_request() -> None:
    near = Link("t0", "veth", {"mtu": 1400})
    far = Link("eth0", "veth", {"mtu": 1400, "promisc": True})
    request = links.create(near, INDEXES.__getitem__, peer=(far, links.Place(5)))
    message = decoded(request)
    peer = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "VETH_INFO_PEER")
    assert (peer.get_attr("IFLA_IFNAME"), peer.get_attr("IFLA_MTU")) == ("eth0", 1400)
    assert (peer.get_attr("IFLA_NET_NS_FD"), peer["flags"]) == (5, 0x100)
    assert message.get_attr("IFLA_NET_NS_FD") is None


def test_a_kind_that_is_not_ours_keeps_its_name() -> None:
    assert read_back(links.create(Link("t0", "macsec", {"mtu": 1400}), INDEXES.__getitem__)).kind == "macsec"


def test_the_device_of_tunnels_that_nobody_made_is_of_no_kind() -> None:
    request = links.create(Link("tunl0", "ipip", {"ttl": 5}), INDEXES.__getitem__)
    assert read_back(request, "tunl0").kind == ""
