# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ethernet bridges, and their ports (bridge(8), net/bridge/br_netlink.c)."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    BRIDGE,
    PORT,
    Attributes,
    Fault,
    Kind,
    Ports,
    boolean,
    number,
)


def _check(wanted: Attributes) -> Iterator[Fault]:
    if wanted.get("stp") and wanted.get("forward_delay", 2) < 2:  # br_stp.c: br_set_forward_delay
        yield "forward_delay", "with stp, give 2 to 30 seconds"


KIND = Kind(
    "bridge",
    options={
        # The times are in hundredths of a second.
        "stp": boolean("IFLA_BR_STP_STATE"),
        "forward_delay": number("IFLA_BR_FORWARD_DELAY", 0, 30, "seconds", 100),
        "ageing_time": number("IFLA_BR_AGEING_TIME", 0, 1_000_000, "seconds", 100),
        "vlan_filtering": boolean("IFLA_BR_VLAN_FILTERING", unsaid=False),
        "mcast_snooping": boolean("IFLA_BR_MCAST_SNOOPING", unsaid=False),
    },
    ports=Ports(
        options={
            "hairpin": boolean("IFLA_BRPORT_MODE", place=PORT, unsaid=False, quiet=True),
            "pvid": number(
                "IFLA_BRIDGE_VLAN_INFO",
                1,
                values.LARGEST_VLAN,
                place=BRIDGE,
                quiet=True,
                needs="VLAN filtering in bridges (CONFIG_BRIDGE_VLAN_FILTERING)",
            ),
        },
        own_kind=False,  # br_if.c: br_add_if
    ),
    check=_check,
)
