# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries of a VXLAN's own FDB in rtnetlink's messages. Sources: bridge(8), vxlan_fdb_parse in vxlan_core.c."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain, repeat
from operator import add
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel.codec import Codec
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import read_names
from ansible_collections.weft.fabric.plugins.module_utils.kernel.inet import WORD, packed, to_texts
from ansible_collections.weft.fabric.plugins.module_utils.kernel.neigh import NDMSG, payloads, to_macs
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
    NTF_ROUTER,
    NTF_SELF,
    NUD_NOARP,
    NUD_PERMANENT,
    RTM_DELNEIGH,
    RTM_GETNEIGH,
    RTM_NEWNEIGH,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.columns import make_all
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import ROUTER, STATIC, FdbEntry, FdbKey, fdb_keys
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.values import ZERO_MAC

_NUMBERS = (NDA_VNI, NDA_SRC_VNI, NDA_IFINDEX, NDA_NH_ID)  # in the order of an entry's fields
_DYNAMIC, _EXT_LEARNED = "dynamic", "extern_learn"  # the words of bridge(8)


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
    devices, lladdrs, addresses, ports, *numbers, states = zip(*items)
    known = {state: _marks(state) for state in {*states}}
    marks, flags = zip(*map(known.__getitem__, states))
    found = payloads(repeat(AF_BRIDGE), map(indexes.__getitem__, devices), marks, flags, lladdrs, addresses)
    if any({*column} != {None} for column in (ports, *numbers)):
        return map(add, found, map(partial(_more, indexes), ports, *numbers))
    return found


def _more(
    indexes: Mapping[str, int],
    port: int | None,
    vni: int | None,
    src_vni: int | None,
    via: str | None,
    nhid: int | None,
) -> bytes:
    """The attributes that most entries do not have."""
    numbers = zip(_NUMBERS, (vni, src_vni, indexes[via] if via else None, nhid))
    words = [WORD.pack(8, kind, number) for kind, number in numbers if number is not None]
    return b"".join(words if port is None else [packed({NDA_PORT: port.to_bytes(2, "big")}), *words])


def _marks(state: str | None) -> tuple[int, int]:
    """The state and the flags of struct ndmsg."""
    words = (state or "").split()
    flags = NTF_SELF | (NTF_EXT_LEARNED if _EXT_LEARNED in words else 0) | (NTF_ROUTER if ROUTER in words else 0)
    return NUD_PERMANENT | (NUD_NOARP if STATIC in words else 0), flags


def read(kernel: Socket, scope: Scope, links: Mapping[str, Link], names: Mapping[int, str]) -> dict[FdbKey, None]:
    """The permanent entries of the FDBs of the VXLANs in the scope; learned ones are noted with their VXLAN.

    The bridge's rows (``master``) are left out, and the default destination that a VXLAN's own ``remote`` or ``group``
    is.
    """
    found: dict[FdbKey, None] = {}
    for link in links.values():
        if kind_of(link.kind).entries and (None in scope.fdb or link.name in scope.fdb):
            found.update(_of_device(kernel, link, names))
    return found


def _of_device(kernel: Socket, link: Link, names: Mapping[int, str]) -> dict[FdbKey, None]:
    runs = kernel.runs(RTM_GETNEIGH, NDMSG.pack(AF_BRIDGE, link.index, 0, 0, 0))
    fed = any(map(_shows_control_plane, runs))
    found: dict[FdbKey, None] = {}
    for run in runs:
        _family, index, state, flags, _type = NDMSG.unpack_from(run, 16)
        if index != link.index or not flags & NTF_SELF:
            continue
        keys = chain.from_iterable(_of_run(kernel, link.name, run, names))
        mark = _mark(state, flags, fed)
        if mark:
            found.update(_marked(link, make_all(FdbEntry, keys), mark, state, flags))
        else:
            found.update(dict.fromkeys(keys))
    if link.attributes.get("vnifilter"):
        _mark_floods_of_vnis(kernel, link, found)
    own = link.attributes.get("remote") or link.attributes.get("group")
    if own:
        for entry in [entry for entry in found if entry[:5] == (link.name, ZERO_MAC, own, None, None)]:
            del found[entry]
    return found


def _marked(link: Link, entries: Iterable[FdbEntry], mark: str, state: int, flags: int) -> dict[FdbKey, None]:
    """Permanent entries with a mark; learned ones, which an entry of ours replaces, are noted with their VXLAN.

    :param state: of all of them, as ``flags``.
    """
    found: dict[FdbKey, None] = {}
    for item in entries:
        if item.lladdr == ZERO_MAC and state & NUD_PERMANENT:
            found[item._replace(state=mark)] = None
        elif state & NUD_PERMANENT and not flags & NTF_EXT_LEARNED:
            found[item._replace(state=ROUTER if flags & NTF_ROUTER else None)] = None
        else:
            link.noted.append(item._replace(state=mark))
    return found


def _mark_floods_of_vnis(kernel: Socket, link: Link, found: dict[FdbKey, None]) -> None:
    """Mark the entries by which a VXLAN floods its own VNIs: nobody has made them.

    Source: drivers/net/vxlan/vxlan_vnifilter.c (vxlan_update_default_fdb_entry).
    """
    # Imported only here: few VXLANs have VNIs of their own.
    from ansible_collections.weft.fabric.plugins.module_utils.kernel.members import vni_remotes

    own_vnis = vni_remotes(kernel, link.index)
    for item in [item for item in make_all(FdbEntry, found) if (item.src_vni, item.dst) in own_vnis]:
        if item.lladdr == ZERO_MAC and item.port is None and item.vni in (None, item.src_vni):
            found.pop(item)
            found[item._replace(state=STATIC)] = None


def _shows_control_plane(run: bytes) -> bool:
    """Whether these entries, the bridge's included, are a sign that a control plane may fill a VXLAN's FDB.

    It marks the entries of MAC addresses (NTF_EXT_LEARNED), but not the VTEPs that it floods to. Of these, zebra sets
    NUD_NOARP besides NUD_PERMANENT (zebra/rt_netlink.c: netlink_vxlan_flood_update_ctx), which we do not. bridge(8)
    does so too, so it means a control plane where there is such a mark, or where the VXLAN is a bridge's port: EVPN has
    no others.
    """
    flags = NDMSG.unpack_from(run, 16)[3]
    return bool(flags & NTF_EXT_LEARNED) or not flags & NTF_SELF


def _mark(state: int, flags: int, fed: bool) -> str:
    """What bridge(8) says of entries with that state and flags; empty: they may be ours.

    :param fed: a control plane may fill the VXLAN's FDB.
    """
    words = [] if state & NUD_PERMANENT else [_DYNAMIC]
    words += [STATIC] if fed and state & NUD_PERMANENT and state & NUD_NOARP and not flags & NTF_EXT_LEARNED else []
    words += [_EXT_LEARNED] if flags & NTF_EXT_LEARNED else []
    words += [ROUTER] if flags & NTF_ROUTER else []
    return " ".join(words)


def _of_run(kernel: Socket, dev: str, run: bytes, names: Mapping[int, str]) -> Iterator[Iterator[FdbKey]]:
    """The entries of a run of messages that have a destination, in parts."""
    for count, attribute in columns(run, 28, (NDA_LLADDR, NDA_DST, NDA_PORT, *_NUMBERS)):
        if NDA_DST in attribute or NDA_NH_ID in attribute:
            ways = names
            if NDA_IFINDEX in attribute and not {*_words(attribute[NDA_IFINDEX])} <= names.keys():
                ways = read_names(kernel)
            yield _keys(dev, count, attribute, ways)


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
