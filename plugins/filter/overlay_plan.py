# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: overlay_plan
short_description: Plan a VXLAN overlay from the inventory alone
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Computes every node's addresses and VTEP MAC from the inventory's nodes and the overlay's network, and the entries
    that other nodes need to reach it.
  - A node's values depend only on its own name and number. The order of the nodes does not matter, and adding or
    removing a node changes no other node's addresses. No facts of any host are needed.
  - Refuses duplicate numbers, underlay addresses or MACs, numbers outside the network's range, an underlay address
    inside the overlay, nodes on both IPv4 and IPv6 underlays, and a network with host bits. The message names the node,
    the value and the remedy.
positional: _input, cidr, vni
options:
  _input:
    description:
      - The nodes, as a mapping of inventory name to C({number, address, dev}), or as a list of such with C(name).
      - C(number) selects the node's subnet. A node keeps its number for life.
      - C(address) is the node's underlay address. Its prefix length determines the node's segment, and is required only
        with O(mode=direct) and O(mode=cross_subnet).
      - C(dev) is the interface with this address. Other keys are ignored.
    type: raw
    required: true
  cidr:
    description: The overlay's network, IPv4 or IPv6, or a list of one IPv4 and one IPv6 network.
    type: raw
    required: true
  vni:
    description: VXLAN network identifier, from V(0) to V(16777215).
    type: int
    required: true
  node_prefix:
    description:
      - Prefix length of each node's pod subnet, or a list with one for each network. The default is V(24) in IPv4 and
        V(64) in IPv6.
    type: raw
  device:
    description: Name of the VXLAN device in the peer entries.
    type: str
    default: vxlan0
  mode:
    description:
      - With V(vxlan), all traffic to other nodes' pods is encapsulated.
      - With V(direct), no traffic is encapsulated. All nodes must be on one segment.
      - With V(cross_subnet), only traffic to nodes on other segments is encapsulated.
    type: str
    choices: [vxlan, direct, cross_subnet]
    default: vxlan
"""

EXAMPLES = r"""
- name: Plan the overlay from each node's overlay_node
  ansible.builtin.set_fact:
    overlay_plan: "{{ nodes | weft.fabric.overlay_plan('10.244.0.0/16', 10) }}"
  run_once: true
  vars:
    nodes: "{{ dict(groups['nodes'] | zip(groups['nodes'] | map('extract', hostvars, 'overlay_node'))) }}"

- name: Show the pod subnets of this host, one for each of the overlay's networks
  ansible.builtin.debug:
    msg: "{{ overlay_plan[inventory_hostname].networks | map(attribute='subnet') }}"

- name: List the FDB entries that this host needs, one per peer
  ansible.builtin.debug:
    msg: "{{ peers | map(attribute='value.peer.fdb') | flatten }}"
  vars:
    peers: "{{ overlay_plan | dict2items | rejectattr('key', 'eq', inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description:
    - The nodes by name, in the order of their numbers. Each has C(number), C(underlay), C(dev), C(segment) (null if all
      traffic is encapsulated), C(mac_address), C(mtu_overhead) in bytes, C(networks), the node's share of each network
      of the overlay, and C(peer), the entries that other nodes need to reach it through VXLAN.
  type: dict
  sample:
    network-2:
      number: 1
      underlay: 192.168.2.142
      dev: enp1s0
      segment: null
      mac_address: 3a:2c:3f:5d:ff:9d
      mtu_overhead: 50
      networks:
        - cidr: 10.244.0.0/16
          vtep: 10.244.1.0
          vtep_cidr: 10.244.1.0/32
          subnet: 10.244.1.0/24
          gateway: 10.244.1.1
          gateway_cidr: 10.244.1.1/24
      peer:
        fdb:
          - {dev: vxlan0, lladdr: "3a:2c:3f:5d:ff:9d", dst: 192.168.2.142}
        neighbours:
          - {dev: vxlan0, dst: 10.244.1.0, lladdr: "3a:2c:3f:5d:ff:9d"}
        routes:
          - {dev: vxlan0, dst: 10.244.1.0/24, via: 10.244.1.0, onlink: true}
"""

from typing import Any, Callable

from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError


def overlay_plan(
    nodes: Any, cidr: Any, vni: Any, node_prefix: Any = None, device: str = "vxlan0", mode: str = "vxlan"
) -> dict[str, Any]:
    """The nodes of one overlay."""
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.nodes import described, plan

    try:
        return described(plan(nodes, cidr, vni, node_prefix, mode), device)
    except FabricError as error:
        raise AnsibleFilterError(f"overlay_plan: {error}") from error


class FilterModule:
    def filters(self) -> dict[str, Callable[..., Any]]:
        return {"overlay_plan": overlay_plan}
