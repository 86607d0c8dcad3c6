#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vxlan
short_description: Manage VXLAN interfaces
version_added: 0.1.0
description:
  - Creates a VXLAN tunnel end point (VTEP, RFC 7348), and changes it in place.
  - The kernel cannot change O(vni) and O(port) of an existing interface. This requires O(recreate).
  - M(weft.fabric.vxlan_fdb) and M(weft.fabric.vxlan_neigh) manage its entries.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link
  - weft.fabric.link.state
  - weft.fabric.link.netns
options:
  mtu:
    description:
      - Largest packet in bytes, at most the MTU of O(dev) less the encapsulation (50 bytes over IPv4, 70 over IPv6).
      - V(auto) is that maximum. If the MTU of O(dev) changes, the next run follows it.
    type: str
  vni:
    description: VXLAN network identifier, from 0 to 16777215. Required with O(state=present).
    type: int
  local:
    description: Source address of the outer packets.
    type: str
  dev:
    description: The interface in the underlay.
    type: str
  port:
    description:
      - UDP port of all VTEPs of this network. 4789 is the port that IANA assigned.
      - Linux's own default, for tools that do not set a port, is 8472.
    type: int
    default: 4789
  learning:
    description: Whether the device learns MAC addresses from the packets that arrive.
    type: bool
    default: false
  remote:
    description: VTEP for all frames without an entry of their own. Mutually exclusive with O(group).
    type: str
  group:
    description: Multicast group for all frames without an entry of their own. Requires O(dev).
    type: str
  ttl:
    description: Time to live of the outer packets. 0 leaves the choice to the kernel.
    type: int
  tos:
    description: Type of service of the outer packets. 1 copies the value of the inner packet.
    type: int
  df:
    description: The "don't fragment" bit of outer IPv4 packets. V(inherit) copies the bit of the inner packet.
    type: str
    choices: [unset, set, inherit]
"""

EXAMPLES = r"""
- name: Create a VTEP with declared instead of learned entries
  weft.fabric.vxlan:
    name: vxlan0
    vni: 10
    local: 192.168.1.138
    dev: enp1s0
    mtu: 1450
    addresses: [172.2.0.0/32]

- name: Create a tunnel to one other VTEP
  weft.fabric.vxlan:
    name: vx0
    vni: 100
    local: 1.1.1.1
    remote: 2.2.2.2
    dev: eth0

- name: Delete the interface
  weft.fabric.vxlan:
    name: vxlan0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: vxlan0, kind: vxlan, admin_state: up, mtu: 1450, mac_address: "d6:d4:f0:7b:b4:17", vni: 10, port: 4789,
           local: 192.168.1.138, dev: enp1s0, learning: false, ttl: 0, tos: 0, df: unset, addresses: [172.2.0.0/32]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("vxlan"), **arguments("vxlan"))


if __name__ == "__main__":
    main()
