# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VLANs of a bridge's ports, in link messages of the family AF_BRIDGE (bridge(8), net/bridge/br_netlink.c)."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
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
    RTEXT_FILTER_BRVLAN_COMPRESSED,
    RTM_DELLINK,
    RTM_GETLINK,
    RTM_SETLINK,
    VLAN_PVID,
    VLAN_RANGE_BEGIN,
    VLAN_RANGE_END,
    VLAN_UNTAGGED,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds.bridge import vlan_numbers, vlan_ranges

_IFINFOMSG = struct.Struct("=BxHiII")
_INFO = struct.Struct("=HH")  # struct bridge_vlan_info: flags, vid


def set_port(index: int, known: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[Request]:
    """Set the VLANs of a port: ``vlans``, of these ``untagged``, and ``pvid``, in which is what comes in without a tag.

    :param index: the port's.
    """
    before, after = _flags(known), _flags(wanted)
    gone = before.keys() - after.keys()
    changed = {vlan: flags for vlan, flags in after.items() if before.get(vlan) != flags}
    requests = [Request(RTM_DELLINK, 0, _body(index, dict.fromkeys(gone, 0)))] if gone else []
    return requests + ([Request(RTM_SETLINK, 0, _body(index, changed))] if changed else [])


def _flags(port: Mapping[str, Any]) -> dict[int, int]:
    """The flags of each VLAN of a port, by its number."""
    bare = vlan_numbers(port.get("untagged") or ())
    return {
        vlan: (VLAN_UNTAGGED if vlan in bare else 0) | (VLAN_PVID if vlan == port.get("pvid") else 0)
        for vlan in vlan_numbers(port.get("vlans") or ())
    }


def _body(index: int, vlans: Mapping[int, int]) -> bytes:
    """A request about VLANs of a port, each range as its two ends."""
    spec = struct.pack("=HHHxx", 6, IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_MASTER)
    for flags in sorted({*vlans.values()}):
        for text in vlan_ranges({vlan for vlan, own in vlans.items() if own == flags}):
            first, dash, last = text.partition("-")
            if dash:
                spec += _vlan(flags | VLAN_RANGE_BEGIN, int(first)) + _vlan(flags | VLAN_RANGE_END, int(last))
            else:
                spec += _vlan(flags, int(first))
    header = struct.pack("=HH", 4 + len(spec), IFLA_AF_SPEC | NLA_F_NESTED)
    return _IFINFOMSG.pack(AF_BRIDGE, 0, index, 0, 0) + header + spec


def _vlan(flags: int, vlan: int) -> bytes:
    return struct.pack("=HH", 8, IFLA_BRIDGE_VLAN_INFO) + _INFO.pack(flags, vlan)


def read_ports(kernel: Socket) -> dict[int, dict[str, Any]]:
    """Attributes of ports, by index: ``vlans``, ``untagged`` and ``pvid``; ports of bridges without VLANs lack them."""
    found: dict[int, dict[str, Any]] = {}
    mask = struct.pack("=HHI", 8, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED)
    for message in kernel.dump(RTM_GETLINK, _IFINFOMSG.pack(AF_BRIDGE, 0, 0, 0, 0) + mask):
        index = _IFINFOMSG.unpack_from(message, 16)[2]
        flags = {
            vlan: flags
            for first, last, flags in _ranges(attributes(message, 32).get(IFLA_AF_SPEC, b""))
            for vlan in range(first, last + 1)
        }
        if flags:
            pvid = [vlan for vlan, own in flags.items() if own & VLAN_PVID]
            untagged = {vlan for vlan, own in flags.items() if own & VLAN_UNTAGGED}
            found[index] = {"vlans": vlan_ranges(flags.keys()), "untagged": vlan_ranges(untagged)}
            found[index].update({"pvid": pvid[0]} if pvid else {})
    return found


def _ranges(spec: bytes) -> Iterator[tuple[int, int, int]]:
    """(first VLAN, last, flags) of each: several attributes of one type, which attributes() would make one of."""
    offset, begin = 0, 0
    while offset + 4 <= len(spec):
        length, kind = struct.unpack_from("=HH", spec, offset)
        if length < 4:
            return
        if kind & 0x3FFF == IFLA_BRIDGE_VLAN_INFO:
            flags, vlan = _INFO.unpack_from(spec, offset + 4)
            if flags & VLAN_RANGE_BEGIN:
                begin = vlan
            else:
                yield (begin if flags & VLAN_RANGE_END else vlan), vlan, flags
        offset += (length + 3) & ~3
