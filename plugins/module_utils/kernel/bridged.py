# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what bridges hold of their ports, and FDB entries that somebody has made, and makes both again.

Sources: include/uapi/linux/if_link.h (IFLA_BRPORT_...), net/bridge/br_netlink.c (br_setport), net/bridge/br_fdb.c
(fdb_fill_info), drivers/net/vxlan/vxlan_core.c (vxlan_fdb_info).
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.kernel import portvlan
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import SKIP_STATISTICS
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import packed, to_text
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, attributes
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    AF_BRIDGE,
    IFLA_ADDRESS,
    IFLA_BR_VLAN_DEFAULT_PVID,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_INFO_SLAVE_DATA,
    IFLA_INFO_SLAVE_KIND,
    IFLA_LINKINFO,
    IFLA_MASTER,
    NDA_DST,
    NDA_IFINDEX,
    NDA_LLADDR,
    NDA_NH_ID,
    NDA_OF_FDB,
    NDA_PORT,
    NDA_SRC_VNI,
    NDA_VLAN,
    NDA_VNI,
    NLA_F_NESTED,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NTF_EXT_LEARNED,
    NTF_MASTER,
    NTF_ROUTER,
    NTF_SELF,
    NTF_STICKY,
    NUD_NOARP,
    NUD_PERMANENT,
    RTM_GETLINK,
    RTM_GETNEIGH,
    RTM_NEWLINK,
    RTM_NEWNEIGH,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import PORT_OPTIONS, bridge, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.bridged import Port, PortState, Station
from ansible_collections.weft.fabric.plugins.module_utils.values import ZERO_MAC

_BRIDGE = bridge.KIND.name.encode() + b"\0"
_IFINFOMSG = struct.Struct("=BxHiII")
_U32 = struct.Struct("=I")
# What a request can set of a port: the name in ip-link(8) if no parameter sets it, and what a new port has.
_OF_IP: dict[int, tuple[str, bool | int]] = {
    7: ("fastleave", False),
    9: ("flood", True),
    10: ("proxy_arp", False),
    12: ("proxy_arp_wifi", False),
    27: ("mcast_flood", True),
    28: ("mcast_to_unicast", False),
    29: ("vlan_tunnel", False),
    30: ("bcast_flood", True),
    31: ("group_fwd_mask", 0),
    37: ("mcast_eht_hosts_limit", 512),
    39: ("locked", False),
    40: ("mab", False),
    42: ("mcast_max_groups", 0),
    43: ("neigh_vlan_suppress", False),
    44: ("backup_nhid", 0),
}
_OURS = {
    2: "port_priority",
    3: "cost",
    4: "hairpin",
    5: "guard",
    6: "root_block",
    8: "port_learning",
    25: "multicast_router",
    32: "neigh_suppress",
    33: "isolated",
}


class _Device(NamedTuple):
    """What is read of a link.

    :ivar mac: its MAC address.
    :ivar controller: the index of the bridge that it is a port of; 0: it is none.
    :ivar options: what that bridge says of it, by IFLA_BRPORT_...
    :ivar vlans: of a bridge: what a new port has, if the kernel has VLANs in bridges.
    :ivar entries: what FDB entries need to know of a VXLAN; None: it is none.
    """

    name: str
    mac: str
    controller: int
    options: Mapping[int, bytes]
    vlans: Mapping[str, Any]
    entries: Mapping[str, Any] | None


def read(kernel: Socket) -> tuple[list[Port], list[Station]]:
    """The ports of bridges in a namespace, and the FDB entries that somebody has made."""
    devices = dict(map(_device, kernel.dump(RTM_GETLINK, bytes(16) + SKIP_STATISTICS)))
    bridged = any(device.options for device in devices.values())
    vlans = portvlan.read_ports(kernel) if bridged else {}
    ports = [
        Port(
            device.name,
            devices[device.controller].name,
            (*_options(device), *_vlans(devices[device.controller].vlans, vlans.get(index))),
        )
        for index, device in devices.items()
        if device.options
    ]
    if not bridged and all(device.entries is None for device in devices.values()):
        return ports, []
    messages = kernel.dump(RTM_GETNEIGH, NDMSG.pack(AF_BRIDGE, 0, 0, 0, 0))
    return ports, [*_stations(messages, devices)]


def _device(message: bytes) -> tuple[int, _Device]:
    found = attributes(message, 32)
    info = attributes(found.get(IFLA_LINKINFO, b""), 0)
    held = info.get(IFLA_INFO_SLAVE_KIND) == _BRIDGE
    data = attributes(info.get(IFLA_INFO_DATA, b""), 0)
    read_entries = kind_of(info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode()).entries
    return _IFINFOMSG.unpack_from(message, 16)[2], _Device(
        found[IFLA_IFNAME].rstrip(b"\0").decode(),
        found.get(IFLA_ADDRESS, b"").hex(":"),
        _U32.unpack(found[IFLA_MASTER])[0] if held else 0,
        attributes(info.get(IFLA_INFO_SLAVE_DATA, b""), 0) if held else {},
        bridge.joined({"vlan_default_pvid": _number(data, IFLA_BR_VLAN_DEFAULT_PVID)}),
        read_entries(data) if read_entries else None,
    )


def _options(device: _Device) -> Iterator[PortState]:
    """The options of a port that a new one does not have."""
    for number, data in device.options.items():
        value = int.from_bytes(data, sys.byteorder)
        if number in _OURS:
            option = PORT_OPTIONS[_OURS[number]]
            if option.decode(value) not in option.usual:
                yield PortState(((_OURS[number], option.decode(value)),), packed({number: data}))
        elif number in _OF_IP:
            name, usual = _OF_IP[number]
            if value != usual:
                yield PortState(((name, type(usual)(value)),), packed({number: data}))


def _vlans(new: Mapping[str, Any], found: Mapping[str, Any] | None) -> Iterator[PortState]:
    """The VLANs of a port, unless it has the VLANs of a new port.

    :param new: those; empty: the kernel has no VLANs in bridges.
    """
    known = found or {"vlans": [], "untagged": []}
    if new and known != new:
        yield PortState(
            (("vlans", (*known["vlans"],)), ("untagged", (*known["untagged"],)), ("pvid", known.get("pvid"))), b""
        )


def _stations(messages: list[bytes], devices: Mapping[int, _Device]) -> Iterator[Station]:
    """The FDB entries that somebody has made: neither learned ones, nor entries for the links' own MAC addresses."""
    own = {device.mac for device in devices.values()}
    rows = [(*NDMSG.unpack_from(message, 16)[1:4], message) for message in messages]
    fed = _fed(rows, devices)
    for index, state, flags, message in rows:
        if not (state & (NUD_NOARP | NUD_PERMANENT) or flags & NTF_EXT_LEARNED):
            continue
        device = devices[index]
        found = {kind: data for kind, data in attributes(message, 28).items() if kind in NDA_OF_FDB}
        if not flags & NTF_SELF and device.controller:
            entry = _station(devices, devices[device.controller].name, index, state, flags, found)
            if entry.lladdr not in own:
                yield entry
        elif flags & NTF_SELF and device.entries is not None and found.keys() & {NDA_DST, NDA_NH_ID}:
            entry = _station(devices, "", index, state, flags, found)
            yield from _of_vxlan(entry, device.entries.get("remote"), index in fed and bool(state & NUD_NOARP))


def _fed(rows: Sequence[tuple[Any, ...]], devices: Mapping[int, _Device]) -> set[int]:
    """The links whose FDB a control plane may fill: it has marked an entry, or they are ports of a bridge."""
    return {index for index, _state, flags, _message in rows if flags & NTF_EXT_LEARNED or devices[index].controller}


def _of_vxlan(entry: Station, remote: str | None, theirs: bool) -> Iterator[Station]:
    """An entry of a VXLAN itself, unless the VXLAN makes it for its remote.

    :param theirs: it is a control plane's if it is of a VTEP to flood to: ours differ by the state (fdb.py).
    """
    if entry.lladdr != ZERO_MAC:
        yield entry
    elif (entry.dst, *entry.way[:2]) != (remote, None, None):
        yield entry._replace(declared=False) if theirs else entry


def _station(
    devices: Mapping[int, _Device], controller: str, index: int, state: int, flags: int, found: Mapping[int, bytes]
) -> Station:
    declared = not flags & NTF_EXT_LEARNED
    words = ["master"] if controller else []
    if not declared:
        words.append("extern_learn")
    elif controller:
        words.append("permanent" if state & NUD_PERMANENT else "static")
    words += ["sticky"] if flags & NTF_STICKY else []
    words += ["router"] if flags & NTF_ROUTER else []
    marks = flags & (NTF_STICKY | NTF_EXT_LEARNED | NTF_ROUTER) | (NTF_MASTER if controller else NTF_SELF)
    way = devices.get(_number(found, NDA_IFINDEX) or 0)
    return Station(
        devices[index].name,
        bool(controller),
        found[NDA_LLADDR].hex(":"),
        _number(found, NDA_VLAN if controller else NDA_SRC_VNI),
        to_text(found[NDA_DST]) if NDA_DST in found else "",
        (
            _number(found, NDA_PORT, "big"),
            _number(found, NDA_VNI),
            way.name if way else None,
            _number(found, NDA_NH_ID),
        ),
        controller,
        declared,
        " ".join(words),
        NDMSG.pack(AF_BRIDGE, index, state, marks, 0) + packed(found),
    )


def _number(found: Mapping[int, bytes], kind: int, order: Literal["little", "big"] = sys.byteorder) -> int | None:
    return int.from_bytes(found[kind], order) if kind in found else None


def restore_port(index: int, port: Port) -> list[Request]:
    """The requests that make a port what it was."""
    requests = []
    for state in port.states:
        if state.raw:
            info = packed({IFLA_INFO_SLAVE_KIND: _BRIDGE, IFLA_INFO_SLAVE_DATA | NLA_F_NESTED: state.raw})
            body = packed({IFLA_LINKINFO | NLA_F_NESTED: info})
            requests.append(Request(RTM_NEWLINK, 0, _IFINFOMSG.pack(0, 0, index, 0, 0) + body))
        else:
            requests += portvlan.set_port(index, dict(state.attributes))
    return requests


def restore_station(indexes: Mapping[str, int], station: Station) -> Request:
    """The request that makes an FDB entry again; what was learned meanwhile is replaced.

    :param indexes: of the interfaces now.
    """
    family, _index, *rest = NDMSG.unpack_from(station.raw)
    found, via = attributes(station.raw, NDMSG.size), station.way[2]
    if via:
        found[NDA_IFINDEX] = _U32.pack(indexes[via])
    payload = NDMSG.pack(family, indexes[station.dev], *rest) + packed(found)
    return Request(RTM_NEWNEIGH, NLM_F_CREATE | (NLM_F_APPEND if station.floods else NLM_F_REPLACE), payload)
