# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces on another link that share its MAC address (drivers/net/ipvlan/ipvlan_main.c: ipvlan_nl_changelink)."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    EQUAL,
    PARENT_ANYWHERE,
    Attributes,
    Fault,
    Kind,
    named,
)

MODES = {"l2": 0, "l3": 1, "l3s": 2}


def _rival(wanted: Attributes, other: Attributes) -> Iterator[Fault]:
    for name in ("mode", "flag"):
        if other[name] != wanted[name]:
            told = f"and all ipvlans on {wanted['parent']} have one {name}: change them together"
            yield name, f"has {other[name]}, {told}"


KIND = Kind(
    "ipvlan",
    options={
        **PARENT_ANYWHERE,
        # Both are those of all ipvlans on the parent.
        "mode": named("IFLA_IPVLAN_MODE", MODES),
        "flag": named("IFLA_IPVLAN_FLAGS", {"bridge": 0, "private": 1, "vepa": 2}),
    },
    defaults={"mode": "l2", "flag": "bridge"},
    required=("parent",),
    parent="parent",
    own_mac=False,
    takes_all=True,
    mtu_below=EQUAL,  # ipvlan_main.c: ipvlan_device_event
    rival=_rival,
)
