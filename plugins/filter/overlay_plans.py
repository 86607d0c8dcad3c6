# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: overlay_plans
short_description: Plan several overlays of the same nodes
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Plans each of several overlays as P(weft.fabric.overlay_plan#filter) does for one.
  - Refuses two overlays with the same name, device, bridge, or VNI and port, overlapping networks, and pods in an
    unknown overlay. The message names the overlay, the value and the remedy.
positional: _input, nodes, defaults
options:
  _input:
    description:
      - The overlays. Each has a C(name), and optionally C(state), C(cidr), C(node_prefix), C(vni), C(port), C(device),
        C(mode), and C(bridge), the name of its pods' bridge.
    type: list
    elements: dict
    required: true
  nodes:
    description: The nodes, as in P(weft.fabric.overlay_plan#filter).
    type: raw
    required: true
  defaults:
    description: Defaults for the overlays' keys. With C(state=absent), all overlays are removed.
    type: dict
    required: true
  pods:
    description:
      - Each node's list of pods, by the node's name. Any mistake except a wrong address is refused here.
      - JSON text is accepted as well.
    type: raw
    default: {}
  networks:
    description:
      - Each node's C(pods_network), by the node's name. The default is the driver C(bridge).
      - JSON text is accepted as well.
    type: raw
    default: {}
"""

EXAMPLES = r"""
- name: Show the networks of each overlay
  ansible.builtin.debug:
    msg: "{{ overlays | weft.fabric.overlay_plans(nodes, defaults) | dict2items | map(attribute='value.cidrs') }}"
  vars:
    nodes: {network-1: {number: 0, address: 192.168.1.138, dev: enp1s0}}
    defaults: {state: present, node_prefix: null, port: 4789, mode: vxlan, bridge: br0, device: vxlan0, vni: 10}
    overlays:
      - {name: red, cidr: 10.244.0.0/16}
      - {name: blue, cidr: 10.245.0.0/16, vni: 20, device: vxlan1, bridge: br1}
"""

RETURN = r"""
_value:
  description:
    - The overlays by name. Each has C(state), C(vni), C(port), C(device), C(mode), C(bridge), C(cidrs), and C(nodes),
      the result of P(weft.fabric.overlay_plan#filter). An overlay that is removed lacks the last two.
  type: dict
  sample:
    blue:
      state: present
      vni: 20
      port: 4789
      device: vxlan1
      mode: vxlan
      bridge: br1
      cidrs: [10.245.0.0/16]
      nodes: {}
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError


def overlay_plans(overlays, nodes, defaults, pods=None, networks=None):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import pods as pods_of_hosts
    from ansible_collections.weft.fabric.plugins.plugin_utils.overlay import plans
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    try:
        planned = plans(overlays, nodes, defaults)
        pods_of_hosts.check(planned, loaded(pods or {}), loaded(networks or {}))
        return planned
    except FabricError as error:
        raise AnsibleFilterError(f"overlay_plans: {error}") from error


class FilterModule:
    def filters(self):
        return {"overlay_plans": overlay_plans}
