# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: bandwidth_plan
short_description: List the pairs of pods to measure
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Lists pairs of pods, preceded by their nodes as the reference, and the order in which to measure them.
  - Without O(pairs), there is one pair for each way to connect pods. C(bridge) and C(ptp) are two pods on one node.
    C(vxlan) and C(direct) are two pods of an overlay on two nodes. C(host), C(macvlan), C(ipvlan) and C(fan) are two
    such pods on two nodes.
  - Pairs that cannot be measured are listed with the reason.
positional: _input, pods
options:
  _input:
    description: The result of P(weft.fabric.overlay_plans#filter), also as JSON text.
    type: raw
    required: true
  pods:
    description:
      - Each node's list of pods, by the node's name.
      - JSON text is accepted as well.
    type: raw
    required: true
  networks:
    description:
      - Each node's C(pods_network), by the node's name. The default is the driver C(bridge).
      - JSON text is accepted as well.
    type: raw
    default: {}
  hosts:
    description:
      - For each host of the run, C(namespaces), the names of its network namespaces, and C(lacks), the kinds of link
        that its kernel does not support.
    type: dict
    required: true
  pairs:
    description: The pairs, each with C(from) and C(to) (a node or C(node/pod)), and optionally a C(name).
    type: list
    elements: dict
  rounds:
    description: Number of times to measure each pair.
    type: int
    default: 3
  protocols:
    description: The protocols to measure, C(tcp) and C(udp).
    type: list
    elements: str
    default: [tcp, udp]
  bitrate:
    description: The sending rate for UDP, as in C(iperf3 --bitrate).
    type: str
    default: "0"
"""

EXAMPLES = r"""
- name: Show the names of the pairs
  ansible.builtin.debug:
    msg: "{{ plan.pairs | map(attribute='name') }}"
  vars:
    plan: "{{ overlay_plans | weft.fabric.bandwidth_plan(pods, hosts=hosts) }}"
    pods: {network-1: [{name: pod1, address: 172.2.0.2}], network-2: [{name: pod2, address: 172.2.1.2}]}
    hosts: {network-1: {namespaces: [pod1], lacks: []}, network-2: {namespaces: [pod2], lacks: [ipvlan]}}
"""

RETURN = r"""
_value:
  description:
    - C(pairs), each with C(name), C(from), C(to), and C(unavailable), the reason why the pair cannot be measured. The
      reason is empty if the pair can be measured.
    - C(order), the measurements in their order, each with C(round), C(pair), and C(runs) of iperf3.
  type: dict
  sample:
    pairs:
      - name: vxlan
        from: {host: network-1, pod: pod1, address: 172.2.0.2}
        to: {host: network-2, pod: pod2, address: 172.2.1.2}
        unavailable: ""
    order: []
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError


def bandwidth_plan(
    overlays, pods, networks=None, *, hosts, pairs=None, rounds=3, protocols=("tcp", "udp"), bitrate="0"
):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import bandwidth
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    try:
        found = bandwidth.plan(loaded(overlays), loaded(pods), loaded(networks or {}), pairs, hosts)
        return {"pairs": found, "order": bandwidth.schedule(found, rounds, protocols, bitrate)}
    except FabricError as error:
        raise AnsibleFilterError(f"bandwidth_plan: {error}") from error


class FilterModule:
    def filters(self):
        return {"bandwidth_plan": bandwidth_plan}
