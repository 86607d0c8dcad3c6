# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verify_pods
short_description: Add the addresses from CNI networks to pods
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Copies the addresses in CNI's results to the pods in CNI networks, for P(weft.fabric.verify_targets#filter) and
    P(weft.fabric.verify_report#filter). Other pods, and pods on hosts without results, are not changed.
positional: _input, networks, results
options:
  _input:
    description:
      - Each node's list of pods, by the node's name.
      - JSON text is accepted as well.
    type: raw
    required: true
  networks:
    description:
      - Each node's C(pods_network), by the node's name.
      - JSON text is accepted as well.
    type: raw
    required: true
  results:
    description: By host, the RV(weft.fabric.cni#module:cni) of its pods in CNI networks, in the order of the pods.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Show a pod with its address
  ansible.builtin.debug:
    msg: "{{ pods | weft.fabric.verify_pods({}, results) }}"
  vars:
    pods: {network-1: [{name: pod1, network: {driver: cni, config: {name: mynet, type: bridge}}}]}
    results: {network-1: [{cniVersion: 1.0.0, ips: [{address: 10.22.0.2/16}]}]}
"""

RETURN = r"""
_value:
  description: Each node's list of pods. The C(address) of pods in CNI networks is a list.
  type: dict
  sample:
    network-1:
      - {name: pod1, address: [10.22.0.2], network: {driver: cni, config: {name: mynet, type: bridge}}}
"""


def verify_pods(pods, networks, results):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils.pods import with_given
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    return with_given(loaded(pods), loaded(networks), results)


class FilterModule:
    def filters(self):
        return {"verify_pods": verify_pods}
