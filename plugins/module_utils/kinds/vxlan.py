# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VXLAN tunnel end points (RFC 7348, drivers/net/vxlan/vxlan_core.c: vxlan_nl2conf)."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    Attributes,
    Fault,
    Kind,
    Option,
    boolean,
    named,
    number,
)

IFLA_VXLAN_ID, IFLA_VXLAN_GROUP, IFLA_VXLAN_PORT, IFLA_VXLAN_GROUP6 = 1, 2, 15, 16  # include/uapi/linux/if_link.h


def _remote(where: str, value: Any) -> str:
    if values.is_multicast(values.address(where, value)):
        raise InvalidParameter(where, value, "a multicast address goes into 'group'")
    return values.unicast(where, value)


def _group(where: str, value: Any) -> str:
    address = values.address(where, value)
    if not values.is_multicast(address):
        raise InvalidParameter(where, value, "a unicast address goes into 'remote'; a group is multicast")
    return address


def _overhead(attributes: Attributes) -> int:
    """50 bytes over IPv4, 70 over IPv6 (RFC 7348)."""
    endpoint = attributes.get("local") or attributes.get("remote") or attributes.get("group")
    return 70 if endpoint and ":" in endpoint else 50


def _check(wanted: Attributes) -> Iterator[Fault]:
    if "group" in wanted and "dev" not in wanted:
        yield "group", "a multicast group needs 'dev', the interface it is on"
    for name in ("remote", "group"):
        if name in wanted and "local" in wanted and values.family(wanted[name]) != values.family(wanted["local"]):
            yield name, f"it is of another address family than local {wanted['local']}"


def _clash(wanted: Attributes, other: Attributes) -> Iterator[Fault]:
    """Two of one VNI on one port, both over IPv4 or both over IPv6 (vxlan_config_validate)."""
    same = all(other.get(name) == wanted.get(name) for name in ("vni", "port"))
    if same and _overhead(other) == _overhead(wanted):
        yield "vni", f"has this VNI on port {wanted['port']} already: choose another"


def _entries(data: Mapping[int, bytes]) -> dict[str, Any]:
    found = {
        "vni": struct.unpack("=I", data[IFLA_VXLAN_ID])[0],
        "port": struct.unpack("!H", data[IFLA_VXLAN_PORT])[0],
    }
    remote = data.get(IFLA_VXLAN_GROUP) or data.get(IFLA_VXLAN_GROUP6)
    if remote:
        found["remote"] = socket.inet_ntop(socket.AF_INET if len(remote) == 4 else socket.AF_INET6, remote)
    return found


KIND = Kind(
    "vxlan",
    options={
        "vni": number("IFLA_VXLAN_ID", 0, values.LARGEST_VNI, fixed=True),
        "port": number("IFLA_VXLAN_PORT", 1, 65535, fixed=True),
        "local": Option("IFLA_VXLAN_LOCAL", values.unicast, six="IFLA_VXLAN_LOCAL6"),
        "dev": Option("IFLA_VXLAN_LINK", values.ifname, link=True),
        # One attribute for both: a group is a remote that is multicast.
        "remote": Option(
            "IFLA_VXLAN_GROUP",
            _remote,
            decode=lambda address: None if values.is_multicast(address) else address,
            six="IFLA_VXLAN_GROUP6",
        ),
        "group": Option(
            "IFLA_VXLAN_GROUP",
            _group,
            decode=lambda address: address if values.is_multicast(address) else None,
            six="IFLA_VXLAN_GROUP6",
        ),
        "learning": boolean("IFLA_VXLAN_LEARNING"),
        "ttl": number("IFLA_VXLAN_TTL", 0, 255),
        "tos": number("IFLA_VXLAN_TOS", 0, 255),
        "df": named("IFLA_VXLAN_DF", {"unset": 0, "set": 1, "inherit": 2}),
    },
    defaults={"port": 4789, "learning": False},
    required=("vni",),
    exclusive=(("remote", "group"),),
    parent="dev",
    overhead=_overhead,
    check=_check,
    clash=_clash,
    entries=_entries,
)
