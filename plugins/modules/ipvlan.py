#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvlan
short_description: Manage IPVLAN interfaces
version_added: 0.1.0
description:
  - Creates an interface on top of another one, and with the same MAC address.
  - The kernel passes no packets between O(parent) itself and the interfaces on top of it.
  - An interface can carry macvlans, carry ipvlans, or be a port of a bridge or bond. A combination is refused.
  - All ipvlans on one O(parent) have the same O(mode) and O(flag). Several ipvlans can only be changed together, in one
    task of M(weft.fabric.topology).
  - The kernel cannot change the O(parent) of an existing interface. This requires O(recreate).
  - Requires the kernel driver C(ipvlan).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link
  - weft.fabric.link.state
  - weft.fabric.link.netns
  - weft.fabric.link.parent
options:
  mtu:
    description:
      - Largest packet in bytes, at most the MTU of O(parent).
      - V(auto) is that maximum. If the MTU of O(parent) changes, the next run follows it.
    type: str
  mode:
    description:
      - V(l2) switches packets by MAC address. V(l3) routes them in the namespace of O(parent), without broadcast and
        multicast.
      - V(l3s) is V(l3) with connection tracking in that namespace.
      - A new interface gets V(l2) by default.
    type: str
    choices: [l2, l3, l3s]
  flag:
    description:
      - What passes between the interfaces on one O(parent). V(bridge) allows all traffic, V(private) none, and V(vepa)
        only what the switch behind O(parent) sends back.
      - A new interface gets V(bridge) by default.
    type: str
    choices: [bridge, private, vepa]
  mac_address:
    description: Refused, because the interface shares the MAC address of O(parent).
    type: str
"""

EXAMPLES = r"""
- name: Give a pod an address in the network of a NIC
  weft.fabric.ipvlan:
    name: eth0
    netns: pod1
    parent: enp1s0
    parent_netns: ""
    addresses: [192.168.1.10/24]

- name: Create an interface that the host routes to
  weft.fabric.ipvlan:
    name: ipvl0
    parent: enp2s0
    mode: l3
    addresses: [10.1.0.1/32]

- name: Delete the interface
  weft.fabric.ipvlan:
    name: ipvl0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: eth0, kind: ipvlan, admin_state: up, mtu: 1500, parent: enp1s0, parent_netns: "", mode: l2,
           flag: bridge, addresses: [192.168.1.10/24]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("ipvlan"), **arguments("ipvlan"))


if __name__ == "__main__":
    main()
