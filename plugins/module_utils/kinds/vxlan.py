# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VXLAN tunnel end points (RFC 7348, drivers/net/vxlan/vxlan_core.c: vxlan_nl2conf)."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    PARENT_NETNS,
    Attributes,
    Fault,
    Kind,
    Option,
    boolean,
    named,
    number,
)

INHERIT = "inherit"
_ENDS = ("local", "remote", "group")
# What VXLANs have alike that receive by one socket (include/net/vxlan.h: VXLAN_F_RCV_FLAGS).
_RECEIVING = ("external", "vnifilter", "gbp", "udp6zerocsumrx")
# include/uapi/linux/if_link.h
IFLA_VXLAN_ID, IFLA_VXLAN_GROUP, IFLA_VXLAN_PORT, IFLA_VXLAN_GROUP6, IFLA_VXLAN_VNIFILTER = 1, 2, 15, 16, 30


def _remote(where: str, value: Any) -> str:
    """An empty address takes it away."""
    if value == "":
        return ""
    if values.is_multicast(values.address(where, value)):
        raise InvalidParameter(where, value, "a multicast address goes into 'group'")
    return values.unicast(where, value)


def _group(where: str, value: Any) -> str:
    address = values.address(where, value)
    if not values.is_multicast(address):
        raise InvalidParameter(where, value, "a unicast address goes into 'remote'; a group is multicast")
    return address


def _byte(where: str, value: Any) -> int | str:
    """A number, or the word for the inner packet's own."""
    if value == INHERIT:
        return INHERIT
    try:
        return values.integer(where, value, 0, 255)
    except InvalidParameter as error:
        raise InvalidParameter(where, value, f"{error.remedy}, or {INHERIT}") from None


def _inherited(tos: int | str) -> int | str:
    """The kernel's number for it, which no packet has: its lowest two bits are of congestion (RFC 3168)."""
    return INHERIT if tos == 1 else tos


def _source_ports(where: str, value: Any) -> str:
    low, dash, high = str(value).partition("-")
    first, last = (values.integer(where, part, 0, 65535) for part in (low, high if dash else low))
    if first > last:
        raise InvalidParameter(where, value, "give the lower port first: 32768-61000")
    return f"{first}-{last}"


def _overhead(attributes: Attributes) -> int:
    """50 bytes over IPv4, 70 over IPv6 (RFC 7348)."""
    endpoint = attributes.get("local") or attributes.get("remote") or attributes.get("group")
    return 70 if endpoint and ":" in endpoint else 50


def _check(wanted: Attributes) -> Iterator[Fault]:
    if "group" in wanted and "dev" not in wanted:
        yield "group", "a multicast group needs 'dev', the interface it is on"
    for name in ("remote", "group"):
        if wanted.get(name) and "local" in wanted and values.family(wanted[name]) != values.family(wanted["local"]):
            yield name, f"it is of another address family than local {wanted['local']}"
    if wanted.get("external"):
        for name in ("vni", "remote", "group"):
            if wanted.get(name):
                yield name, "an external VXLAN gets it with each packet: leave it out"
    if wanted.get("vnifilter") and wanted.get("external") is False:
        yield "vnifilter", "only an external VXLAN filters VNIs"


def _check_all(wanted: Attributes, known: Attributes | None) -> Iterator[Fault]:
    if wanted.get("vnifilter") and not {**(known or {}), **wanted}.get("external"):
        yield "vnifilter", "only an external VXLAN filters VNIs: give external"


def _six(attributes: Attributes) -> bool:
    """Whether the outer packets are of IPv6, which they stay (vxlan_nl2conf)."""
    return any(":" in (attributes.get(name) or "") for name in _ENDS)


def _stuck(wanted: Attributes, known: Attributes) -> Iterator[str]:
    for name in _ENDS:
        if wanted.get(name) and (":" in wanted[name]) != _six(known):
            yield name


def _receives_of(wanted: Attributes, other: Attributes) -> bool:
    """Whether a VXLAN is to receive what another one receives on the same port."""
    return not wanted.get("vnifilter") and (wanted.get("vni") or 0) == (other.get("vni") or 0)


def _clash(wanted: Attributes, other: Attributes) -> Iterator[Fault]:
    """Two VXLANs on one port: of one VNI, or with sockets that cannot share it, if both are to be up."""
    if wanted.get("port") != other.get("port"):
        return
    unlike = [name for name in _RECEIVING if bool(wanted.get(name)) != bool(other.get(name))]
    alike = _six(wanted) == _six(other)
    if not unlike and alike and _receives_of(wanted, other):
        name = "external" if wanted.get("external") else "vni"
        what = "is external" if wanted.get("external") else "has this VNI"
        yield name, f"{what} on port {wanted['port']} already: choose another"
    external = wanted.get("external") or other.get("external")  # such a one receives over IPv4 and IPv6
    if unlike and (alike or external) and wanted.get("admin_state") == other.get("admin_state") == "up":
        yield "port", f"receives on this port with another value of {unlike[0]}: give another port"


def _entries(data: Mapping[int, bytes]) -> dict[str, Any]:
    found = {
        "vni": struct.unpack("=I", data[IFLA_VXLAN_ID])[0],
        "port": struct.unpack("!H", data[IFLA_VXLAN_PORT])[0],
        "vnifilter": data.get(IFLA_VXLAN_VNIFILTER, b"\0") != b"\0",
    }
    remote = data.get(IFLA_VXLAN_GROUP) or data.get(IFLA_VXLAN_GROUP6)
    if remote:
        found["remote"] = socket.inet_ntop(socket.AF_INET if len(remote) == 4 else socket.AF_INET6, remote)
    return found


def _fixed(attribute: str, usual: bool = False) -> Option:
    """Something that a VXLAN does or does not do from the beginning to its end."""
    return boolean(attribute, fixed=True, unsaid=usual, usual=(usual,))


KIND = Kind(
    "vxlan",
    options={
        "vni": number("IFLA_VXLAN_ID", 0, values.LARGEST_VNI, fixed=True),
        "port": number("IFLA_VXLAN_PORT", 1, 65535, fixed=True),
        "local": Option("IFLA_VXLAN_LOCAL", values.unicast, six="IFLA_VXLAN_LOCAL6"),
        "dev": Option("IFLA_VXLAN_LINK", values.link_name, link=True),
        **PARENT_NETNS,
        # One attribute for both: a group is a remote that is multicast.
        "remote": Option(
            "IFLA_VXLAN_GROUP",
            _remote,
            decode=lambda address: "" if values.is_multicast(address) else address,
            six="IFLA_VXLAN_GROUP6",
            unsaid="",
            usual=("",),
        ),
        "group": Option(
            "IFLA_VXLAN_GROUP",
            _group,
            decode=lambda address: address if values.is_multicast(address) else None,
            six="IFLA_VXLAN_GROUP6",
        ),
        "learning": boolean("IFLA_VXLAN_LEARNING"),
        "ageing": number("IFLA_VXLAN_AGEING", 1, 2**31 - 1, "seconds", usual=(300,)),  # 0 is taken for 300
        "ttl": Option("IFLA_VXLAN_TTL", _byte, instead={INHERIT: "IFLA_VXLAN_TTL_INHERIT"}, fixed_values=(INHERIT,)),
        "tos": Option(
            "IFLA_VXLAN_TOS",
            lambda where, value: _inherited(_byte(where, value)),
            encode=lambda tos: 1 if tos == INHERIT else tos,
            decode=_inherited,
        ),
        "df": named("IFLA_VXLAN_DF", {"unset": 0, "set": 1, "inherit": 2}),
        "srcport": Option(
            "IFLA_VXLAN_PORT_RANGE",
            _source_ports,
            encode=lambda ports: dict(zip(("low", "high"), map(int, ports.split("-")))),
            decode=lambda found: f"{found['low']}-{found['high']}",
            fixed=True,
            usual=("0-0",),
        ),
        "udpcsum": _fixed("IFLA_VXLAN_UDP_CSUM", usual=True),
        "udp6zerocsumtx": _fixed("IFLA_VXLAN_UDP_ZERO_CSUM6_TX"),
        "udp6zerocsumrx": _fixed("IFLA_VXLAN_UDP_ZERO_CSUM6_RX"),
        "proxy": _fixed("IFLA_VXLAN_PROXY"),
        "l2miss": _fixed("IFLA_VXLAN_L2MISS"),
        "l3miss": _fixed("IFLA_VXLAN_L3MISS"),
        # A flag, which is there or not.
        "gbp": _fixed("IFLA_VXLAN_GBP")._replace(encode=lambda on: on or None),
        "external": _fixed("IFLA_VXLAN_COLLECT_METADATA"),
        "vnifilter": _fixed("IFLA_VXLAN_VNIFILTER"),
    },
    defaults={"port": 4789, "learning": False},
    either=("vni", "external"),
    exclusive=(("remote", "group"),),
    parent="dev",
    overhead=_overhead,
    stuck=_stuck,
    check=_check,
    check_all=_check_all,
    clash=_clash,
    entries=_entries,
    remedies={
        errno.EADDRINUSE: "a program, or a VXLAN that was moved away, receives on its port: give another port",
    },
)
