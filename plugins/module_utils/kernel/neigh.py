# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hot path: neighbour and FDB entries packed and unpacked with struct.

A fabric of N nodes has N times N-1 entries, and encoding takes most of the time: pyroute2 takes some fifty times as
long for each. Sources: rtnetlink(7), include/uapi/linux/neighbour.h, vxlan_fdb_parse in vxlan_core.c.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat

from ansible_collections.weft.fabric.plugins.module_utils.kernel import inet
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    Request,
    Socket,
    columns,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    AF_BRIDGE,
    NDA_DST,
    NDA_IFINDEX,
    NDA_LLADDR,
    NDA_PORT,
    NDA_VNI,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NTF_FOREIGN,
    NTF_SELF,
    NUD_PERMANENT,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry, FdbKey, fdb_keys
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.values import ZERO_MAC

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
