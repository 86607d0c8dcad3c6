# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that links of every kind have: the one table of them.

A line says how a parameter is parsed, where the attribute is in a message, and how it is encoded and decoded.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import FLAGS, LINK, Option, boolean, number

IFF_UP, IFF_PROMISC = 0x1, 0x100  # include/uapi/linux/if.h


def _controller(where: str, value: Any) -> str:
    """An empty name takes the link out of its controller."""
    return "" if value == "" else values.ifname(where, value)


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
    "promisc": boolean("IFF_PROMISC", place=FLAGS, bit=IFF_PROMISC, quiet=True),
    "controller": Option(
        "IFLA_MASTER", _controller, LINK, spec={"type": "str", "aliases": ["master"]}, link=True, unsaid="", quiet=True
    ),
    # The name that an interface had where it was taken from.
    "alias": Option("IFLA_IFALIAS", values.text, LINK, spec=None),
}
