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
  - Creates a bond, changes it in place, and adds its ports.
  - The kernel changes O(mode), O(lacp_rate) and O(ad_select) only while the bond is down, and O(mode) only while it has
    no ports. The module brings the bond down, releases the ports if necessary, and restores both afterwards. This
    interrupts traffic.
  - The kernel gives the bond's MTU and MAC address to its ports, and the diff shows this. A port with another MTU is
    refused. A port's O(mac_address) is the one that it has again when it leaves the bond. If MAC addresses move with
    the active port (C(fail_over_mac)), this is no change, and O(mac_address) of the bond is refused.
  - Requires the kernel driver C(bonding).
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
    description:
      - How the bond uses its ports. The kernel's default is V(balance-rr).
      - While the bond monitors its ports by ARP (C(arp_interval)), V(802.3ad), V(balance-tlb) and V(balance-alb) are
        refused, because they would end this.
      - These three modes need O(miimon). If it is neither given nor set, the kernel sets it to 100.
    type: str
    choices: [balance-rr, active-backup, balance-xor, broadcast, 802.3ad, balance-tlb, balance-alb]
  miimon:
    description:
      - Milliseconds between checks of the ports' carrier. 0 switches the checks off.
      - While the bond monitors its ports by ARP (C(arp_interval)), only 0 is accepted, because checks of the carrier
        would end this.
      - If it changes, O(updelay) and O(downdelay) keep their values, rounded down to multiples of it.
    type: int
  updelay:
    description: Milliseconds to wait before using a port that came up. A multiple of O(miimon).
    type: int
  downdelay:
    description: Milliseconds to wait before giving up a port that went down. A multiple of O(miimon).
    type: int
  primary:
    description: The port to use whenever it is up. For mode V(active-backup), V(balance-tlb) or V(balance-alb).
    type: str
  lacp_rate:
    description: How often the link partner is asked to send LACP packets. For mode V(802.3ad).
    type: str
    choices: [slow, fast]
  xmit_hash_policy:
    description: The fields of a packet that select its port.
    type: str
    choices: [layer2, layer3+4, layer2+3, encap2+3, encap3+4, vlan+srcmac]
  ad_select:
    description: How the best of several aggregators is chosen. For mode V(802.3ad).
    type: str
    choices: [stable, bandwidth, count]
  min_links:
    description: Number of ports that must be up for the bond to be up. For mode V(802.3ad).
    type: int
"""

EXAMPLES = r"""
- name: Create a bond that fails over
  weft.fabric.bond:
    name: bond0
    mode: active-backup
    miimon: 100
    primary: enp1s0
    ports: [enp1s0, enp2s0]

- name: Create a link aggregate with LACP
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
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: bond0, kind: bond, admin_state: up, mtu: 1500, mac_address: "52:54:00:9e:19:22", mode: active-backup,
           miimon: 100, updelay: 0, downdelay: 0, xmit_hash_policy: layer2, min_links: 0, primary: enp1s0,
           addresses: []}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("bond"), **arguments("bond"))


if __name__ == "__main__":
    main()
