#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bond
short_description: Manage bonded interfaces
version_added: 0.1.0
description:
  - Makes a bond, changes it in place, and gives it its ports.
  - What the kernel changes only on a bond that is down or empty (O(mode), O(lacp_rate), O(ad_select)) is changed so,
    and its ports and its state are put back. That interrupts its traffic.
  - The kernel needs the driver C(bonding).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link
  - weft.fabric.link.state
  - weft.fabric.link.netns
  - weft.fabric.link.ports
options:
  mode:
    description: How ports are used. The kernel's default is V(balance-rr).
    type: str
    choices: [balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb]
  miimon:
    description: Milliseconds between two looks at the carrier of the ports; 0 is never.
    type: int
  updelay:
    description: Milliseconds before a port that came up is used, a multiple of O(miimon).
    type: int
  downdelay:
    description: Milliseconds before a port that went down is left, a multiple of O(miimon).
    type: int
  primary:
    description: The port that is used whenever it is up, in mode V(active-backup), V(balance-tlb) or V(balance-alb).
    type: str
  lacp_rate:
    description: How often the partner is asked for LACP packets, in mode V(802.3ad).
    type: str
    choices: [slow, fast]
  xmit_hash_policy:
    description: What of a packet chooses the port.
    type: str
    choices: [layer2, layer3+4, layer2+3, encap2+3, encap3+4, vlan+srcmac]
  ad_select:
    description: What makes one aggregate better than another, in mode V(802.3ad).
    type: str
    choices: [stable, bandwidth, count]
  min_links:
    description: How many ports have to be up for the bond to be.
    type: int
"""

EXAMPLES = r"""
- name: Make a bond that fails over
  weft.fabric.bond:
    name: bond0
    mode: active-backup
    miimon: 100
    primary: enp1s0
    ports: [enp1s0, enp2s0]

- name: Make an aggregate
  weft.fabric.bond:
    name: bond1
    mode: 802.3ad
    miimon: 100
    lacp_rate: fast
    xmit_hash_policy: layer3+4
    ports: [enp3s0, enp4s0]
"""

RETURN = r"""
link:
  description: The interface as the kernel now has it; none if it is gone.
  type: dict
  returned: success
  sample: {name: bond0, kind: bond, admin_state: up, mtu: 1500, mac_address: "52:54:00:9e:19:22", mode: active-backup,
           miimon: 100, updelay: 0, downdelay: 0, xmit_hash_policy: layer2, min_links: 0, primary: enp1s0,
           addresses: []}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import LINK, PORTS
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds import BOND_MODES, HASH_POLICIES

SPEC = {
    **LINK,
    **PORTS,
    "mode": {"type": "str", "choices": list(BOND_MODES)},
    "miimon": {"type": "int"},
    "updelay": {"type": "int"},
    "downdelay": {"type": "int"},
    "primary": {"type": "str"},
    "lacp_rate": {"type": "str", "choices": ["slow", "fast"]},
    "xmit_hash_policy": {"type": "str", "choices": list(HASH_POLICIES)},
    "ad_select": {"type": "str", "choices": ["stable", "bandwidth", "count"]},
    "min_links": {"type": "int"},
}


def main() -> None:
    run(link_body("bond"), argument_spec=SPEC)


if __name__ == "__main__":
    main()
