# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""VLANs on a link (net/8021q/vlan_netlink.c)."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import LOWERED, PARENT, Kind, named, number

KIND = Kind(
    "vlan",
    options={
        # vlan_changelink changes flags and QoS maps only
        **PARENT,
        "vlan_id": number("IFLA_VLAN_ID", 1, values.LARGEST_VLAN, fixed=True),
        "protocol": named("IFLA_VLAN_PROTOCOL", {"802.1q": 0x8100, "802.1ad": 0x88A8}, fixed=True),
    },
    defaults={"protocol": "802.1q"},
    required=("parent", "vlan_id"),
    parent="parent",
    follows=True,  # vlan.c: vlan_device_event
    mtu_below=LOWERED,
    module="8021q",
)
