# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The VLANs of a bridge's ports, in link messages of the family AF_BRIDGE (bridge(8), net/bridge/br_netlink.c)."""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import SKIP_STATISTICS
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import packed
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    Request,
    Socket,
    attributes,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    AF_BRIDGE,
    BRIDGE_FLAGS_MASTER,
    IFLA_AF_SPEC,
    IFLA_BR_VLAN_DEFAULT_PVID,
    IFLA_BR_VLAN_FILTERING,
    IFLA_BRIDGE_FLAGS,
    IFLA_BRIDGE_VLAN_INFO,
    IFLA_EXT_MASK,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
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
from ansible_collections.weft.fabric.plugins.module_utils.values import LARGEST_VLAN

_IFINFOMSG = struct.Struct("=BxHiII")
_INFO = struct.Struct("=HH")  # struct bridge_vlan_info: flags, vid
ALL_VLANS = {*range(1, LARGEST_VLAN + 1)}


def set_port(index: int, wanted: Mapping[str, Any]) -> list[Request]:
    """Set the VLANs of a port: ``vlans``, of these ``untagged``, and ``pvid``, in which is what comes in without a tag.

    A port that has just joined has VLANs that nobody has read. The kernel takes the deletion of a VLAN that is not
    there, and what a port has anyway, without a word (br_process_vlan_info).

    :param index: the port's.
    """
    vlans = _flags(wanted)
    gone = dict.fromkeys(ALL_VLANS - vlans.keys(), 0)
    requests = [Request(RTM_DELLINK, 0, _body(index, gone))] if gone else []
    return requests + ([Request(RTM_SETLINK, 0, _body(index, vlans))] if vlans else [])


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


def read_bridge(kernel: Socket, name: str) -> tuple[bool, int] | None:
    """Whether a bridge filters VLANs, and the VLAN of its new ports, or 0; None: there is no bridge that can."""
    label = name.encode() + b"\0"
    try:
        message = kernel.get(Request(RTM_GETLINK, 0, bytes(16) + packed({IFLA_IFNAME: label}) + SKIP_STATISTICS))
    except KernelError as error:
        if error.code == errno.ENODEV:
            return None
        raise
    info = attributes(attributes(message, 32).get(IFLA_LINKINFO, b""), 0)
    found = attributes(info.get(IFLA_INFO_DATA, b""), 0) if info.get(IFLA_INFO_KIND) == b"bridge\0" else {}
    if IFLA_BR_VLAN_DEFAULT_PVID not in found:
        return None
    return bool(found[IFLA_BR_VLAN_FILTERING][0]), int.from_bytes(found[IFLA_BR_VLAN_DEFAULT_PVID], sys.byteorder)


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
