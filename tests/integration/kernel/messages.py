# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Messages of rtnetlink: what a notification is about, and the state of a link."""

from __future__ import annotations

import dataclasses
import ipaddress
import platform
import re
import socket
import struct
from typing import Any

RTM_NEWLINK, RTM_GETLINK = 16, 18  # include/uapi/linux/rtnetlink.h
IFF_UP, IFF_RUNNING, IFF_LOWER_UP = 0x1, 0x40, 0x10000  # include/uapi/linux/if.h
RTM_NEWADDR, RTM_GETADDR = 20, 22
RTM_FAMILIES = {
    16: "LINK", 20: "ADDR", 24: "ROUTE", 28: "NEIGH", 32: "RULE", 36: "QDISC", 40: "TCLASS", 44: "TFILTER",
    48: "ACTION", 52: "PREFIX", 64: "NEIGHTBL", 68: "NDUSEROPT", 72: "ADDRLABEL", 80: "NETCONF", 84: "MDB",
    88: "NSID", 92: "STATS", 104: "NEXTHOP", 108: "LINKPROP", 112: "VLAN", 116: "NEXTHOPBUCKET", 120: "TUNNEL",
}  # fmt: skip
RTNLGRP_MAX = 36
# Before Linux 6.9 nothing makes the kernel finish what it has put off of a change of carrier (net/core/link_watch.c),
# and what it then tells of can be over: the carrier is back.
TELLS_LATE = tuple(map(int, re.findall(r"\d+", platform.release())[:2])) < (6, 9)
IFLA_IFNAME, IFLA_STATS, IFLA_PROTINFO, IFLA_STATS64, IFLA_AF_SPEC = 3, 7, 12, 23, 26  # include/uapi/linux/if_link.h
IFLA_MASTER, IFLA_OPERSTATE, IFLA_LINKINFO = 10, 16, 18
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
# What the kernel counts or finds out by itself, of a bridge and of a bond's port.
BRIDGE_TIMERS = range(16, 20)  # IFLA_BR_HELLO_TIMER to IFLA_BR_GC_TIMER
PORT_STATES = (1, 6, 7, 8)  # IFLA_BOND_SLAVE_STATE, and what LACP says of the port (IFLA_BOND_SLAVE_AD_*)
IF_OPER_UNKNOWN = 0  # include/uapi/linux/if.h
IFA_FLAGS = 8  # include/uapi/linux/if_addr.h
IFA_F_TENTATIVE = 0x40
NUD_PERMANENT = 0x80  # include/uapi/linux/neighbour.h
NUD_NOARP = 0x40


@dataclasses.dataclass(frozen=True)
class Event:
    """One notification of the kernel.

    ``kind`` is its message type without the prefix (``NEWLINK``, ``DELNEIGH``, ``nft NEWRULE``); ``text`` says what it
    is about; ``learned`` holds for what nobody asked for: neighbour and FDB entries that passing traffic taught,
    multicast group memberships, an interface's own link-local address, which comes when it is known to be unique,
    the number of a namespace that was removed earlier, which the kernel takes apart some time later, and where it
    ``TELLS_LATE`` of a link's carrier, a link that is as it was.
    """

    namespace: str
    kind: str
    text: str
    learned: bool = False

    def __str__(self) -> str:
        return f"[{self.namespace or 'root'}] {self.kind} {self.text}".rstrip()


def attributes_of(data: bytes) -> dict[int, bytes]:
    """A message's attributes by their numbers (struct rtattr), without the flags of nested ones."""
    found = {}
    while len(data) >= 4:
        length, kind = struct.unpack_from("=HH", data)
        if length < 4:
            break
        found[kind & 0x3FFF] = data[4:length]
        data = data[(length + 3) & ~3 :]
    return found


def _address(data: bytes | None) -> str:
    return str(ipaddress.ip_address(data)) if data and len(data) in (4, 16) else ""


def event_of(namespace: str, kind: int, body: bytes) -> Event:
    """What a notification is about.

    :param kind: its message type.
    :param body: what follows its header.
    """
    family = RTM_FAMILIES.get(kind & ~3, str(kind & ~3))
    name = ("NEW", "DEL", "GET", "SET")[kind & 3] + family
    if family == "LINK":
        attributes = attributes_of(body[16:])
        # A bridge tells of its ports (br_netlink.c: br_ifinfo_notify) what is not the link's own.
        text = "port " if body[0] == socket.AF_BRIDGE else ""
        return Event(namespace, name, text + attributes.get(IFLA_IFNAME, b"").rstrip(b"\0").decode())
    if family == "ADDR":
        prefix, index = struct.unpack_from("=xBxxI", body)
        attributes = attributes_of(body[8:])
        address = _address(attributes.get(2) or attributes.get(1))
        return Event(namespace, name, f"{address}/{prefix} dev #{index}", learned=address.startswith("fe80:"))
    if family == "ROUTE":
        attributes = attributes_of(body[12:])
        destination, gateway = _address(attributes.get(1)) or "default", _address(attributes.get(5))
        return Event(namespace, name, f"{destination}/{body[1]}" + (f" via {gateway}" if gateway else ""),
                     learned=destination.startswith("fe80:"))  # fmt: skip
    if family == "NEIGH":
        address_family, index, state = struct.unpack_from("=BxxxiH", body)
        attributes = attributes_of(body[12:])
        dst = _address(attributes.get(1))
        text = f"{attributes.get(2, b'').hex(':')} dst {dst} dev #{index} state {state:#x}"
        unasked = not state & (NUD_PERMANENT | NUD_NOARP) or bool(dst and ipaddress.ip_address(dst).is_multicast)
        # What goes by way of lo has neighbours of the kernel's own, which are collected later (arp.c: arp_constructor,
        # ndisc.c: ndisc_constructor).
        unasked = unasked or (
            address_family != socket.AF_BRIDGE and state == NUD_NOARP and not any(attributes.get(2, b""))
        )
        return Event(namespace, name, ("fdb " if address_family == socket.AF_BRIDGE else "") + text, learned=unasked)
    return Event(namespace, name, "", learned=family == "MDB" or name == "DELNSID")


def link_of(body: bytes) -> tuple[int, dict[int, Any]]:
    """The index of a link, and what does not change by itself: neither counters nor timers nor what LACP says."""
    attributes: dict[int, Any] = attributes_of(body[16:])
    attributes[-1] = body[8:12]  # flags
    for counters in (IFLA_STATS, IFLA_PROTINFO, IFLA_STATS64, IFLA_AF_SPEC):
        attributes.pop(counters, None)
    if IFLA_LINKINFO in attributes:
        info = attributes[IFLA_LINKINFO] = attributes_of(attributes[IFLA_LINKINFO])
        for kind, options, whose, volatile in (
            (IFLA_INFO_KIND, IFLA_INFO_DATA, b"bridge", BRIDGE_TIMERS),
            (IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA, b"bond", PORT_STATES),
        ):
            if options in info and info[kind].rstrip(b"\0") == whose:
                info[options] = {key: it for key, it in attributes_of(info[options]).items() if key not in volatile}
    return struct.unpack_from("=i", body, 4)[0], attributes


def follow_their_carriers(links: list[bytes]) -> bool:
    """Whether each link's operational state is what its carrier makes of it.

    One that is unknown counts as running. It stays so where there is nothing to tell, as with a VXLAN, or a bridge that
    never had a port. A veth and what sits on another link are told theirs, and a bridge or bond once a port of it runs.
    """
    unknown, told = set(), set()
    for link in links:
        index, flags = struct.unpack_from("=iI", link, 4)
        if not flags & IFF_UP:
            continue
        if bool(flags & IFF_LOWER_UP) != bool(flags & IFF_RUNNING):
            return False
        attributes = attributes_of(link[16:])
        if attributes[IFLA_OPERSTATE][0] == IF_OPER_UNKNOWN:
            unknown.add(index)
        kind = attributes_of(attributes.get(IFLA_LINKINFO, b"")).get(IFLA_INFO_KIND, b"")
        if kind.rstrip(b"\0") in (b"veth", b"macvlan", b"vlan"):
            told.add(index)
        if flags & IFF_LOWER_UP and IFLA_MASTER in attributes:
            told.add(struct.unpack("=i", attributes[IFLA_MASTER])[0])
    return not unknown & told
