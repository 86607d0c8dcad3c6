# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hot path: neighbour and FDB entries packed and unpacked with struct.

A fabric of N nodes has N times N-1 of them, and encoding is where the time goes: pyroute2 takes some fifty times as
long for each. Sources: rtnetlink(7), include/uapi/linux/neighbour.h, vxlan_fdb_parse in vxlan_core.c.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import inet
from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.model import (
    FdbEntry,
    FdbKey,
    Link,
    Neighbour,
    fdb_keys,
    make_all,
)
from ansible_collections.weft.fabric.plugins.module_utils.netlink import (
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    Request,
    Socket,
    attributes,
    columns,
)
from ansible_collections.weft.fabric.plugins.module_utils.values import ZERO_MAC

RTM_GETLINK = 18
RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH = 28, 29, 30
AF_BRIDGE = 7
NUD_PERMANENT = 0x80
NTF_SELF, NTF_MASTER, NTF_PROXY, NTF_EXT_LEARNED = 0x02, 0x04, 0x08, 0x10
NTF_FOREIGN = NTF_MASTER | NTF_PROXY | NTF_EXT_LEARNED
NDA_DST, NDA_LLADDR, NDA_PORT, NDA_VNI, NDA_IFINDEX = 1, 2, 6, 7, 8
IFLA_IFNAME, IFLA_LINKINFO, IFLA_EXT_MASK = 3, 18, 29
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_VXLAN_ID, IFLA_VXLAN_GROUP, IFLA_VXLAN_PORT, IFLA_VXLAN_GROUP6 = 1, 2, 15, 16
RTEXT_FILTER_SKIP_STATS = 8
IFF_UP, IFF_PROMISC = 0x1, 0x100

_NDMSG = struct.Struct("=BxxxiHBB")  # struct ndmsg: family, ifindex, state, flags, type
# struct ndmsg, then NDA_LLADDR (6 bytes, padded to 8) and NDA_DST of 4 or of 16 bytes
_ENTRY4 = struct.Struct("=BxxxiHBBHH6sxxHH4s")
_ENTRY6 = struct.Struct("=BxxxiHBBHH6sxxHH16s")
_MAC = struct.Struct("6s")
_WORD = struct.Struct("=HHI")  # an attribute that holds a u32


def _payloads(
    families: Iterable[int],
    indexes: Iterable[int],
    flags: int,
    lladdrs: Iterable[str],
    addresses: Iterable[str],
    ports: Iterable[int | None] = repeat(None),
    vnis: Iterable[int | None] = repeat(None),
) -> Iterator[bytes]:
    """The bodies of RTM_NEWNEIGH or RTM_DELNEIGH for permanent entries, from columns of their fields."""
    macs = _MAC.iter_unpack(bytes.fromhex("".join(lladdrs).replace(":", "")))
    packed = map(inet.to_bytes, addresses)
    for family, index, (mac,), dst, port, vni in zip(families, indexes, macs, packed, ports, vnis):
        layout, size = (_ENTRY4, 8) if len(dst) == 4 else (_ENTRY6, 20)
        body = layout.pack(family, index, NUD_PERMANENT, flags, 0, 10, NDA_LLADDR, mac, size, NDA_DST, dst)
        if port is not None:
            body += struct.pack("=HH", 6, NDA_PORT) + struct.pack("!Hxx", port)
        if vni is not None:
            body += _WORD.pack(8, NDA_VNI, vni)
        yield body


def _requests(kind: int, modes: Iterable[int], payloads: Iterable[bytes]) -> Iterator[Request]:
    return make_all(Request, zip(repeat(kind), modes, payloads))


def neighbour_payloads(indexes: Mapping[str, int], entries: Sequence[Neighbour]) -> Iterator[bytes]:
    """The bodies of requests for permanent neighbours.

    :param indexes: each device's ifindex.
    """
    devices, addresses, lladdrs = zip(*entries)
    families = (socket.AF_INET6 if ":" in address else socket.AF_INET for address in addresses)
    return _payloads(families, map(indexes.__getitem__, devices), 0, lladdrs, addresses)


def fdb_payloads(indexes: Mapping[str, int], entries: Sequence[FdbEntry]) -> Iterator[bytes]:
    """The bodies of requests for entries of a VXLAN's own FDB (``bridge fdb ... self``).

    :param indexes: each device's ifindex.
    """
    devices, *others = zip(*entries)
    return _payloads(repeat(AF_BRIDGE), map(indexes.__getitem__, devices), NTF_SELF, *others)


def set_neighbours(indexes: Mapping[str, int], entries: Sequence[Neighbour]) -> Iterator[Request]:
    """Add neighbours, or replace what the kernel learned or was told of their addresses."""
    return _requests(RTM_NEWNEIGH, repeat(NLM_F_CREATE | NLM_F_REPLACE), neighbour_payloads(indexes, entries))


def delete_neighbours(indexes: Mapping[str, int], entries: Sequence[Neighbour]) -> Iterator[Request]:
    """Delete neighbours."""
    return _requests(RTM_DELNEIGH, repeat(0), neighbour_payloads(indexes, entries))


def set_fdb(indexes: Mapping[str, int], entries: Sequence[FdbEntry]) -> Iterator[Request]:
    """Add FDB entries, or replace learned or outdated ones of the same MACs.

    The zero MAC has as many destinations as there are VTEPs to flood to: one more is appended (vxlan_fdb_update).
    """
    modes = (NLM_F_CREATE | (NLM_F_APPEND if entry.lladdr == ZERO_MAC else NLM_F_REPLACE) for entry in entries)
    return _requests(RTM_NEWNEIGH, modes, fdb_payloads(indexes, entries))


def delete_fdb(indexes: Mapping[str, int], entries: Sequence[FdbEntry]) -> Iterator[Request]:
    """Delete one destination of each MAC."""
    return _requests(RTM_DELNEIGH, repeat(0), fdb_payloads(indexes, entries))


def _macs(column: Sequence[bytes]) -> Iterable[str]:
    return map(bytes.hex, column, repeat(":"))


def read_neighbours(kernel: Socket, index: int) -> dict[str, str]:
    """The permanent neighbours on the device of that index, IPv4 and IPv6: MAC addresses by IP address."""
    payload = _NDMSG.pack(socket.AF_UNSPEC, 0, 0, 0, 0) + _WORD.pack(8, NDA_IFINDEX, index)
    addresses: list[str] = []
    lladdrs: list[str] = []
    for run in kernel.runs(RTM_GETNEIGH, payload):
        if _declared(run, index):
            for _count, attribute in columns(run, 28, (NDA_DST, NDA_LLADDR)):
                if NDA_LLADDR in attribute:
                    addresses += inet.to_texts(attribute[NDA_DST])
                    lladdrs += _macs(attribute[NDA_LLADDR])
    return dict(zip(addresses, lladdrs))


def _declared(run: bytes, index: int) -> bool:
    """Whether somebody declared these entries of a device, and they are not a control plane's or a bridge's."""
    _family, at, state, flags, _type = _NDMSG.unpack_from(run, 16)
    return at == index and bool(state & NUD_PERMANENT) and not flags & NTF_FOREIGN


def read_fdb(kernel: Socket, link: Link) -> dict[FdbKey, None]:
    """The permanent entries of a VXLAN's own FDB.

    Left out, because they are not ours to touch: what was learned, what a control plane installed (NTF_EXT_LEARNED),
    the bridge's rows (``master``), and the default destination that the device's own ``remote`` or ``group`` is.
    """
    parts: list[Iterator[FdbKey]] = []
    for run in kernel.runs(RTM_GETNEIGH, _NDMSG.pack(AF_BRIDGE, link.index, 0, 0, 0)):
        if _declared(run, link.index):
            for count, attribute in columns(run, 28, (NDA_LLADDR, NDA_DST, NDA_PORT, NDA_VNI)):
                if NDA_DST in attribute:
                    parts.append(_fdb(link.name, count, attribute))
    found = dict.fromkeys(chain.from_iterable(parts))
    own = link.attributes.get("remote") or link.attributes.get("group")
    if own:
        found.pop(FdbEntry(link.name, ZERO_MAC, own), None)
    return found


def _fdb(dev: str, count: int, attribute: Mapping[int, Sequence[bytes]]) -> Iterator[FdbKey]:
    ports: Iterable[int | None] = repeat(None)
    vnis: Iterable[int | None] = repeat(None)
    if NDA_PORT in attribute:
        ports = struct.unpack(f"!{count}H", b"".join(attribute[NDA_PORT]))
    if NDA_VNI in attribute:
        vnis = struct.unpack(f"={count}I", b"".join(attribute[NDA_VNI]))
    return fdb_keys(repeat(dev), _macs(attribute[NDA_LLADDR]), inet.to_texts(attribute[NDA_DST]), ports, vnis)


def read_names(kernel: Socket) -> dict[int, str]:
    """The names of all interfaces, by index."""
    names = {}
    for message in kernel.dump(RTM_GETLINK, bytes(16) + _WORD.pack(8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)):
        index = struct.unpack_from("=i", message, 20)[0]
        names[index] = attributes(message, 32)[IFLA_IFNAME].rstrip(b"\0").decode()
    return names


def read_device(kernel: Socket, name: str) -> Link | None:
    """What entries need to know of their device: its index, kind, whether it is up, and a VXLAN's VNI, port and remote.

    One request, and nothing of pyroute2. None: there is no such device.
    """
    label = name.encode() + b"\0"
    body = bytes(16) + struct.pack("=HH", 4 + len(label), IFLA_IFNAME) + label + bytes(-len(label) % 4)
    try:
        message = kernel.get(Request(RTM_GETLINK, 0, body + _WORD.pack(8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)))
    except KernelError as error:
        if error.code in (errno.ENODEV, errno.EINVAL):  # EINVAL: a name that no device can have
            return None
        raise
    index, flags = struct.unpack_from("=iI", message, 20)
    info = attributes(attributes(message, 32).get(IFLA_LINKINFO, b""), 0)
    known: dict[str, Any] = {"admin_state": "up" if flags & IFF_UP else "down"}
    kind = info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode()
    if kind == "vxlan":
        data = attributes(info[IFLA_INFO_DATA], 0)
        known["vni"] = struct.unpack("=I", data[IFLA_VXLAN_ID])[0]
        known["port"] = struct.unpack("!H", data[IFLA_VXLAN_PORT])[0]
        remote = data.get(IFLA_VXLAN_GROUP) or data.get(IFLA_VXLAN_GROUP6)
        if remote:
            known["remote"] = inet.to_text(remote)
    return Link(name, kind, known, index=index)
