# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces with a MAC address of their own on another link (drivers/net/macvlan.c: macvlan_changelink)."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    LOWERED,
    PARENT_ANYWHERE,
    Attributes,
    Fault,
    Kind,
    Option,
    word,
)

MODES = ("private", "vepa", "bridge", "passthru", "source")  # pyroute2 has the numbers


def _macs(where: str, value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise InvalidParameter(where, value, "give a list of MAC addresses")
    found = sorted(values.mac(f"{where}[{index}]", item) for index, item in enumerate(value))
    for one, next_one in zip(found, found[1:]):
        if one == next_one:
            raise InvalidParameter(where, one, "it is listed twice: keep one")
    return found


def _rival(wanted: Attributes, other: Attributes) -> Iterator[Fault]:
    if "passthru" in (wanted["mode"], other["mode"]):
        yield "parent", "is on it too, and a macvlan in mode passthru is the only one on its parent"


KIND = Kind(
    "macvlan",
    options={
        **PARENT_ANYWHERE,
        "mode": word("IFLA_MACVLAN_MODE", MODES, fixed_values=("passthru",)),
        "source_macs": Option(
            "IFLA_MACVLAN_MACADDR_DATA",
            _macs,
            spec={"type": "list", "elements": "str"},
            encode=lambda macs: {"attrs": [("IFLA_MACVLAN_MACADDR", mac) for mac in macs]},
            decode=lambda data: sorted(data.get_attrs("IFLA_MACVLAN_MACADDR")),
            modes=("source",),
            unsaid=[],
            along=(("IFLA_MACVLAN_MACADDR_MODE", "set"),),
        ),
        "nopromisc": Option(
            "IFLA_MACVLAN_FLAGS",
            values.boolean,
            spec={"type": "bool"},
            encode=int,
            decode=lambda flags: flags == "nopromisc",
            modes=("passthru",),
        ),
    },
    defaults={"mode": "bridge"},
    required=("parent",),
    parent="parent",
    takes_all=True,
    mtu_below=LOWERED,  # macvlan.c: macvlan_device_event
    rival=_rival,
    # macvlan.c: macvlan_open
    remedies={errno.EADDRINUSE: "its parent, or another macvlan on it, has this MAC address: give another"},
)
