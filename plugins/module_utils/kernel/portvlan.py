# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VLANs of a bridge's ports, in link messages of the family AF_BRIDGE (bridge(8), net/bridge/br_netlink.c)."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    Request,
    Socket,
    attributes,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    AF_BRIDGE,
    BRIDGE_FLAGS_MASTER,
    IFLA_AF_SPEC,
    IFLA_BRIDGE_FLAGS,
    IFLA_BRIDGE_VLAN_INFO,
    IFLA_EXT_MASK,
    NLA_F_NESTED,
    RTEXT_FILTER_BRVLAN,
    RTM_GETLINK,
    RTM_SETLINK,
    VLAN_PVID,
    VLAN_UNTAGGED,
)

_IFINFOMSG = struct.Struct("=BxHiII")
_INFO = struct.Struct("=HH")  # struct bridge_vlan_info: flags, vid


def set_port(index: int, attributes: Mapping[str, Any]) -> Request:
    """Set attributes of a port: with ``pvid`` it is in that VLAN, and so is what comes in without a tag.

    VLANs that it had before stay, but their packets leave with a tag.

    :param index: the port's.
    """
    flags = struct.pack("=HHHxx", 6, IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_MASTER)
    info = struct.pack("=HH", 8, IFLA_BRIDGE_VLAN_INFO) + _INFO.pack(VLAN_PVID | VLAN_UNTAGGED, attributes["pvid"])
    spec = struct.pack("=HH", 4 + len(flags) + len(info), IFLA_AF_SPEC | NLA_F_NESTED) + flags + info
    return Request(RTM_SETLINK, 0, _IFINFOMSG.pack(AF_BRIDGE, 0, index, 0, 0) + spec)


def read_ports(kernel: Socket) -> dict[int, dict[str, Any]]:
    """Attributes of ports, by index: ``pvid``, which ports of bridges without VLANs lack."""
    found: dict[int, dict[str, Any]] = {}
    mask = struct.pack("=HHI", 8, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN)
    for message in kernel.dump(RTM_GETLINK, _IFINFOMSG.pack(AF_BRIDGE, 0, 0, 0, 0) + mask):
        index = _IFINFOMSG.unpack_from(message, 16)[2]
        spec = attributes(message, 32).get(IFLA_AF_SPEC, b"")
        offset = 0
        while offset + 4 <= len(spec):  # several attributes of one type, which attributes() would make one of
            length, kind = struct.unpack_from("=HH", spec, offset)
            if length < 4:
                break
            if kind & 0x3FFF == IFLA_BRIDGE_VLAN_INFO:
                flags, vlan = _INFO.unpack_from(spec, offset + 4)
                if flags & VLAN_PVID:
                    found[index] = {"pvid": vlan}
            offset += (length + 3) & ~3
    return found
