# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a VXLAN's own FDB in rtnetlink's messages. Sources: bridge(8), vxlan_fdb_parse in vxlan_core.c."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import to_texts
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG, is_declared, payloads, to_macs
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket, columns
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import Scope
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    AF_BRIDGE,
    NDA_DST,
    NDA_IFINDEX,
    NDA_LLADDR,
    NDA_NH_ID,
    NDA_PORT,
    NDA_SRC_VNI,
    NDA_VNI,
    NLM_F_APPEND,
    NLM_F_CREATE,
    NLM_F_REPLACE,
    NTF_EXT_LEARNED,
    NTF_SELF,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry, FdbKey, fdb_keys
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.values import ZERO_MAC

_NUMBERS = (NDA_VNI, NDA_SRC_VNI, NDA_IFINDEX, NDA_NH_ID)  # in the order of an entry's fields


def put(indexes: Mapping[str, int], items: Sequence[FdbEntry]) -> Iterator[Request]:
    """Add FDB entries, or replace learned or outdated ones of the same MACs.

    The zero MAC has as many destinations as there are VTEPs to flood to, so another one is appended (vxlan_fdb_update).
    """
    modes = (NLM_F_CREATE | (NLM_F_APPEND if item.lladdr == ZERO_MAC else NLM_F_REPLACE) for item in items)
    return make_all(Request, zip(repeat(RTM_NEWNEIGH), modes, _bodies(indexes, items)))


def delete(indexes: Mapping[str, int], items: Sequence[FdbEntry]) -> Iterator[Request]:
    """Delete one destination of each MAC."""
    return make_all(Request, zip(repeat(RTM_DELNEIGH), repeat(0), _bodies(indexes, items)))


def _bodies(indexes: Mapping[str, int], items: Sequence[FdbEntry]) -> Iterator[bytes]:
    devices, lladdrs, addresses, ports, *numbers = zip(*items)
    more: Iterable[Iterable[tuple[int, int | None]]] = repeat(())
    if any(set(column) != {None} for column in numbers):
        more = (
            zip(_NUMBERS, (vni, src_vni, indexes[via] if via else None, nhid))
            for vni, src_vni, via, nhid in zip(*numbers)
        )
    return payloads(repeat(AF_BRIDGE), map(indexes.__getitem__, devices), NTF_SELF, lladdrs, addresses, ports, more)


def read(kernel: Socket, scope: Scope, links: Mapping[str, Link], names: Mapping[int, str]) -> dict[FdbKey, None]:
    """The permanent entries of the FDBs of the VXLANs in the scope, and whether a control plane fills them.

    Entries that are not ours to touch are left out: learned ones, those that a control plane installed
    (NTF_EXT_LEARNED), the bridge's rows (``master``), and the default destination that a VXLAN's own ``remote`` or
    ``group`` is.
    """
    found: dict[FdbKey, None] = {}
    for link in links.values():
        if kind_of(link.kind).entries and (None in scope.fdb or link.name in scope.fdb):
            found.update(_of_device(kernel, link, names))
    return found


def _of_device(kernel: Socket, link: Link, names: Mapping[int, str]) -> dict[FdbKey, None]:
    parts: list[Iterator[FdbKey]] = []
    for run in kernel.runs(RTM_GETNEIGH, NDMSG.pack(AF_BRIDGE, link.index, 0, 0, 0)):
        link.fed = link.fed or _is_of_control_plane(run)
        if is_declared(run, link.index):
            for count, attribute in columns(run, 28, (NDA_LLADDR, NDA_DST, NDA_PORT, *_NUMBERS)):
                if NDA_DST in attribute or NDA_NH_ID in attribute:
                    ways = names
                    if NDA_IFINDEX in attribute and not {*_words(attribute[NDA_IFINDEX])} <= names.keys():
                        ways = read_names(kernel)
                    parts.append(_keys(link.name, count, attribute, ways))
    found = dict.fromkeys(chain.from_iterable(parts))
    own = link.attributes.get("remote") or link.attributes.get("group")
    if own:
        for entry in [entry for entry in found if entry[:3] == (link.name, ZERO_MAC, own)]:
            del found[entry]
    return found


def _is_of_control_plane(run: bytes) -> bool:
    """Whether entries are marked as such, those of the bridge included."""
    return bool(NDMSG.unpack_from(run, 16)[3] & NTF_EXT_LEARNED)


def _words(column: Sequence[bytes]) -> tuple[int, ...]:
    return struct.unpack(f"={len(column)}I", b"".join(column))


def _keys(dev: str, count: int, attribute: Mapping[int, Sequence[bytes]], names: Mapping[int, str]) -> Iterator[FdbKey]:
    ports: Iterable[int | None] = repeat(None)
    addresses: Iterable[str | None] = repeat(None, count)
    if NDA_PORT in attribute:
        ports = struct.unpack(f"!{count}H", b"".join(attribute[NDA_PORT]))
    if NDA_DST in attribute:
        addresses = to_texts(attribute[NDA_DST])
    numbers: list[Iterable[Any]] = [_words(attribute[kind]) if kind in attribute else repeat(None) for kind in _NUMBERS]
    if NDA_IFINDEX in attribute:
        numbers[2] = [names.get(index, str(index)) for index in numbers[2]]
    return fdb_keys(repeat(dev), to_macs(attribute[NDA_LLADDR]), addresses, ports, *numbers)


def remedy(item: FdbEntry, code: int) -> str:
    """How the user can mend a refusal; empty: nothing more is known than the error itself."""
    if code == errno.EAFNOSUPPORT:
        return "dst is of the IP version of the VXLAN's own outer packets: see its local, remote or group"
    if code == errno.EINVAL and item.nhid is not None:
        return "nhid is a group of nexthops that were made with 'fdb': see 'ip nexthop'"
    return ""


CODEC = Codec(put, delete, read, remedy=remedy)
