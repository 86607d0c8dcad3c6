# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtual routing and forwarding: ports whose packets are routed by a table of their own (drivers/net/vrf.c)."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Kind, Ports, number

KIND = Kind(
    "vrf",
    options={"table": number("IFLA_VRF_TABLE", 1, 2**32 - 1, fixed=True)},  # vrf_link_ops has no changelink
    required=("table",),
    # A port keeps its addresses and all that it receives. vrf_add_slave: it may be of any kind but this.
    ports=Ports(ethernet=False, own_kind=False, takes_all=False, cycles=True),  # vrf.c: cycle_netdev
    ethernet=False,
    mtu=(values.IPV6_MTU, 65575),  # vrf_setup: IPV6_MIN_MTU, IP6_MAX_MTU
)
