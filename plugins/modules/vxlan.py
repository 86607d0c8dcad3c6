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
  - An existing interface keeps what the task does not list.
  - The kernel cannot change O(vni), O(port), O(parent_netns), O(srcport), the address family of O(local), and what a
    packet's header holds (O(gbp), O(external), checksums) of an existing interface. This requires O(recreate).
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
    description: VXLAN network identifier, from 0 to 16777215. Required with O(state=present), unless O(external).
    type: int
  local:
    description: Source address of the outer packets.
    type: str
  dev:
    description: The interface in the underlay.
    type: str
  parent_netns:
    description:
      - The namespace of O(dev), given like O(netns). By default the same as O(netns).
      - An empty string is the namespace that the module runs in.
    type: str
  port:
    description:
      - UDP port of all VTEPs of this network. 4789 is the one that IANA assigned.
      - A new interface gets 4789 by default. Linux's own default, for tools that do not set a port, is 8472.
    type: int
  learning:
    description:
      - Whether the device learns MAC addresses from the packets that arrive. A new interface does not, by default.
    type: bool
  ageing:
    description: Seconds after which a learned MAC address is forgotten, at least 1.
    type: int
  remote:
    description:
      - VTEP for all frames without an entry of their own. Mutually exclusive with O(group).
      - An empty string removes the present one.
    type: str
  group:
    description: Multicast group for all frames without an entry of their own. Requires O(dev).
    type: str
  ttl:
    description:
      - Time to live of the outer packets, from 0 to 255. 0 leaves the choice to the kernel, and V(inherit) copies the
        value of the inner packet.
    type: str
  tos:
    description: Type of service of the outer packets, from 0 to 255. V(inherit) copies the value of the inner packet.
    type: str
  df:
    description: The "don't fragment" bit of outer IPv4 packets. V(inherit) copies the bit of the inner packet.
    type: str
    choices: [unset, set, inherit]
  srcport:
    description: UDP ports that the outer packets are sent from, such as V(32768-61000). V(0-0) is the kernel's range.
    type: str
  udpcsum:
    description: Whether outer packets over IPv4 have a UDP checksum.
    type: bool
  udp6zerocsumtx:
    description: Whether outer packets over IPv6 are sent without a UDP checksum.
    type: bool
  udp6zerocsumrx:
    description: Whether outer packets over IPv6 are accepted without a UDP checksum.
    type: bool
  proxy:
    description: Whether the interface answers ARP and neighbour discovery itself, from its neighbour entries.
    type: bool
  l2miss:
    description: Whether the kernel notifies programs of MAC addresses without an entry.
    type: bool
  l3miss:
    description: Whether the kernel notifies programs of IP addresses without a neighbour entry.
    type: bool
  gbp:
    description: Whether packets carry a group policy (draft-smith-vxlan-group-policy).
    type: bool
  external:
    description: Whether each packet says its own VNI and destination, such as by routes or by a controller's filters.
    type: bool
  vnifilter:
    description: Whether an O(external) interface only receives the VNIs that were added to it (C(bridge vni)).
    type: bool
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
