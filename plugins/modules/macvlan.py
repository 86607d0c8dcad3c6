#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: macvlan
short_description: Manage MACVLAN interfaces
version_added: 0.1.0
description:
  - Creates an interface on top of another one, with a MAC address of its own.
  - The kernel passes no packets between O(parent) itself and the interfaces on top of it.
  - An interface can carry macvlans, carry ipvlans, or be a port of a bridge or bond. A combination is refused.
  - The kernel cannot change O(parent), or change O(mode) to or from V(passthru). Both require O(recreate).
  - Requires the kernel driver C(macvlan).
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
      - What passes between the interfaces on one O(parent). V(bridge) allows all traffic, V(private) none, and V(vepa)
        only what the switch behind O(parent) sends back.
      - A V(passthru) interface is the only one on its O(parent), and shares its MAC address. V(source) accepts packets
        only from O(source_macs).
      - A new interface gets V(bridge) by default.
    type: str
    choices: [private, vepa, bridge, passthru, source]
  source_macs:
    description: MAC addresses from which packets are accepted, in mode V(source). The list is authoritative.
    type: list
    elements: str
  nopromisc:
    description: Whether O(parent) stays out of promiscuous mode, in mode V(passthru).
    type: bool
"""

EXAMPLES = r"""
- name: Give a pod a MAC address of its own in the network of a NIC
  weft.fabric.macvlan:
    name: eth0
    netns: pod1
    parent: enp1s0
    parent_netns: ""
    addresses: [192.168.1.10/24]

- name: Accept packets from one sender only
  weft.fabric.macvlan:
    name: macvlan1
    parent: enp1s0
    mode: source
    source_macs: ["02:00:5e:10:00:01"]

- name: Delete the interface
  weft.fabric.macvlan:
    name: macvlan1
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: eth0, kind: macvlan, admin_state: up, mtu: 1500, mac_address: "3e:7a:94:05:fc:05", parent: enp1s0,
           parent_netns: "", mode: bridge, addresses: [192.168.1.10/24]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("macvlan"), **arguments("macvlan"))


if __name__ == "__main__":
    main()
