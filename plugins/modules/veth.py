#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: veth
short_description: Manage pairs of virtual Ethernet interfaces
version_added: 0.1.0
description:
  - Creates both ends of a veth pair in one request to the kernel, each in its own namespace. A pair is therefore never
    half created.
  - The end O(name) is in O(netns), and the other end is in O(peer.netns).
  - If an end is in another namespace or has another name, the module moves and renames it. The kernel then drops its
    addresses, and the module restores them.
  - Deleting one end deletes the other.
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
  peer:
    description: The other end. Required if the pair does not exist yet.
    type: dict
    suboptions:
      name:
        description: Name of the other end.
        type: str
        required: true
      netns:
        description:
          - The other end's namespace, given like O(netns). By default the same as O(netns).
          - An empty string is the namespace that the module runs in.
        type: str
        aliases: [namespace]
      mtu:
        description: MTU in bytes.
        type: int
      mac_address:
        description: Unicast MAC address.
        type: str
      controller:
        description: Interface that the other end is a port of, such as a bridge. An empty string removes it from there.
        type: str
        aliases: [master]
      promisc:
        description: Whether the other end also accepts frames for other MAC addresses.
        type: bool
      txqueuelen:
        description: How many packets wait for the other end at most.
        type: int
      ifalias:
        description: A line about the other end, for people. An empty string removes the present one.
        type: str
      altnames:
        description: All alternative names of the other end.
        type: list
        elements: str
      group:
        description: Number of the group of interfaces that the other end belongs to.
        type: int
      hairpin:
        description: Whether the bridge may send a frame back out of the port on which it arrived.
        type: bool
      isolated:
        description: Whether the bridge passes nothing between this port and other isolated ones.
        type: bool
      neigh_suppress:
        description: Whether the bridge answers ARP and neighbour discovery instead of flooding them to the port.
        type: bool
      guard:
        description: Whether STP packets that arrive on this bridge port switch the port off (BPDU guard).
        type: bool
      root_block:
        description: Whether this bridge port may not become the way to the root of the spanning tree.
        type: bool
      port_learning:
        description: Whether the bridge learns MAC addresses from frames that arrive on this port.
        type: bool
      port_priority:
        description: Priority of this bridge port in the spanning tree, from 0 to 63. The lowest one is preferred.
        type: int
      cost:
        description: Cost of the way through this bridge port in the spanning tree, from 1 to 65535.
        type: int
      multicast_router:
        description:
          - Whether multicast routers are behind this bridge port. 0 says no, 1 that queries tell, 2 says yes, and 3
            says yes until no more queries arrive.
        type: int
      pvid:
        description: The VLAN of untagged frames on this bridge port.
        type: int
      vlans:
        description: All VLANs of this bridge port, such as V(10) and V(100-199).
        type: list
        elements: str
      untagged:
        description: The VLANs whose frames leave this bridge port without a tag.
        type: list
        elements: str
      addresses:
        description: Addresses, as in O(addresses). O(purge_addresses) applies to both ends.
        type: list
        elements: raw
      admin_state:
        description: Whether the other end is up.
        type: str
        choices: [up, down]
        default: up
"""

EXAMPLES = r"""
- name: Connect two namespaces
  weft.fabric.veth:
    name: veth1
    netns: ns1
    addresses: [192.168.1.101/24]
    peer:
      name: veth2
      netns: ns2
      addresses: [192.168.1.102/24]

- name: Connect a pod to the host's bridge
  weft.fabric.veth:
    name: veth0
    controller: br0
    peer:
      name: vceth0
      netns: pod1
      mtu: 1450
      addresses: [172.2.0.2/24]

- name: Disconnect the two namespaces
  weft.fabric.veth:
    name: veth1
    netns: ns1
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: veth0, kind: veth, admin_state: up, mtu: 1500, mac_address: "3e:7a:94:05:fc:05", controller: br0,
           peer: {name: vceth0, netns: pod1}, addresses: []}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("veth"), **arguments("veth"))


if __name__ == "__main__":
    main()
