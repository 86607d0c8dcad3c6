# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: pods_plan
short_description: Turn a host's pods into topologies
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Turns the pods of a host into two topologies, one to create and one to remove. The driver C(bridge) creates one
    bridge with the gateway's address for each overlay, and a veth pair and a default route for each pod.
    C(docs/drivers) describes the other drivers.
  - Refuses two pods with the same name, address or interface, an address outside of the node's subnet, and invalid
    names. The message names the pod, the value and the remedy.
positional: _input, overlays
options:
  _input:
    description:
      - The pods. Each has C(name), which is also its namespace, and C(address), one address or a list of one IPv4 and
        one IPv6 address. Optional keys are C(interface), the pod's end of its veth pair (C(eth0)), C(host_interface),
        the host's end (derived from the name), C(overlay), the name of its overlay (the first one), C(network), in
        place of O(network), and C(state).
    type: list
    elements: dict
    required: true
  overlays:
    description: The result of P(weft.fabric.overlay_plans#filter), also as JSON text.
    type: raw
    required: true
  host:
    description: The pods' host. Required with O(state=present).
    type: str
  mtu:
    description:
      - MTU of the host's underlay interface, in bytes. The pods' MTU is smaller by the overhead of their overlay.
        Required with O(state=present).
    type: int
  state:
    description: With V(absent), all pods and the bridges are to be removed.
    type: str
    choices: [present, absent]
    default: present
  network:
    description: How to connect the pods, as the role's C(pods_network), a C(driver) and its keys.
    type: dict
    default: {driver: bridge}
"""

EXAMPLES = r"""
- name: Show the topology of a pod
  ansible.builtin.debug:
    msg: "{{ (pods | weft.fabric.pods_plan(overlay_plans, inventory_hostname, 1500)).present }}"
  vars:
    pods:
      - {name: pod1, address: 172.2.0.2}
"""

RETURN = r"""
_value:
  description:
    - C(present) and C(absent) are values for O(weft.fabric.topology#module:namespaces). C(running) and C(gone) are the
      names of their pods. C(cni) has, by state, a value for O(weft.fabric.cni#module:attachments).
  type: dict
  sample:
    present:
      "":
        links:
          - name: br0
            kind: bridge
            mtu: 1450
            mac_address: 76:ce:b9:5c:14:ef
            stp: false
            forward_delay: 0
            addresses: [172.2.0.1/24]
          - name: veth0
            kind: veth
            controller: br0
            mtu: 1450
            addresses: []
            peer: {name: vceth0, netns: pod1, mtu: 1450, addresses: [172.2.0.2/24]}
      pod1:
        links:
          - {name: vceth0, kind: veth, recreate: true}
        routes:
          - {dst: default, via: 172.2.0.1, dev: vceth0, src: 172.2.0.2}
    absent: {"": {links: []}}
    running: [pod1]
    gone: []
    cni: {present: [], absent: []}
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError


def pods_plan(given, overlays, host=None, mtu=None, state="present", network=None):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import drivers, pods
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    overlays = loaded(overlays)
    network = drivers.DEFAULT if network is None else network
    try:
        if state == "absent":
            return pods.removal(given, overlays, network)
        return pods.plan(given, overlays, host, mtu, network)
    except FabricError as error:
        raise AnsibleFilterError(f"pods_plan: {error}") from error


class FilterModule:
    def filters(self):
        return {"pods_plan": pods_plan}
