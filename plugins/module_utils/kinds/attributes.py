# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that links of every kind have: the one table of them.

A line says how a parameter is parsed, where the attribute is in a message, and how it is encoded and decoded.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    FLAGS,
    LINK,
    PROPERTY,
    Option,
    boolean,
    number,
)

IFF_UP, IFF_PROMISC = 0x1, 0x100  # include/uapi/linux/if.h


def _controller(where: str, value: Any) -> str:
    """An empty name takes the link out of its controller."""
    return "" if value == "" else values.link_name(where, value)


def _altnames(where: str, value: Any) -> list[str]:
    return sorted(
        {values.link_name(f"{where}[{index}]", name) for index, name in enumerate(values.items(where, value))}
    )


def _ifalias(where: str, value: Any) -> str:
    """One line for people; the kernel takes at most 255 bytes (include/uapi/linux/if.h: IFALIASZ)."""
    if not isinstance(value, str) or not (value.isprintable() and len(value.encode()) <= 255):
        raise InvalidParameter(where, value, "give one line of at most 255 bytes; an empty one takes it away")
    return value


ATTRIBUTES: dict[str, Option] = {
    "admin_state": Option(
        "IFF_UP",
        lambda where, value: values.choice(where, value, ("up", "down")),
        FLAGS,
        spec={"type": "str", "choices": ["up", "down"], "default": "up"},
        encode=lambda state: state == "up",
        decode=lambda up: "up" if up else "down",
        bit=IFF_UP,
    ),
    "mtu": number("IFLA_MTU", values.IPV4_MTU, values.LARGEST_MTU, "bytes", place=LINK),
    "mac_address": Option("IFLA_ADDRESS", values.mac, LINK),
    "promisc": boolean("IFF_PROMISC", place=FLAGS, bit=IFF_PROMISC, usual=(False,)),
    "controller": Option(
        "IFLA_MASTER", _controller, LINK, spec={"type": "str", "aliases": ["master"]}, link=True, unsaid="", usual=("",)
    ),
    # How many packets wait at most, and what drivers make of it (ether_setup, tun_net_initialize).
    "txqueuelen": number("IFLA_TXQLEN", 0, 2**31 - 1, "packets", place=LINK, usual=(0, 500, 1000)),
    # Of an interface that was taken from elsewhere: the name that it had there.
    "ifalias": Option("IFLA_IFALIAS", _ifalias, LINK, unsaid="", usual=("",)),
    "altnames": Option(
        "IFLA_PROP_LIST",
        _altnames,
        PROPERTY,
        spec={"type": "list", "elements": "str"},
        decode=lambda found: sorted(found.get_attrs("IFLA_ALT_IFNAME")),
        unsaid=[],
        usual=([],),
    ),
    # The number of a set of links (ip-link(8)); kinds that have something else of this name have no such number here.
    "group": number("IFLA_GROUP", 0, 2**32 - 1, place=LINK, usual=(0,)),
}
