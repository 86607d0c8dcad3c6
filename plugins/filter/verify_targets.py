# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verify_targets
short_description: List the targets that a node probes to prove the overlay
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Lists the targets that a node probes from itself and from each of its pods. These are every pod and every VTEP of
    each overlay, and from the node itself also the other nodes' underlay addresses. From pods, they include the pods of
    other overlays, which must not answer.
  - For pods outside of the overlays, it lists the targets that they must reach and must not reach, according to their
    driver.
positional: _input, host, pods, port
options:
  _input:
    description: The result of P(weft.fabric.overlay_plans#filter), also as JSON text.
    type: raw
    required: true
  host:
    description: The probing node.
    type: str
    required: true
  pods:
    description:
      - Each node's list of pods, by the node's name. Pods have C(name) and C(address), and optionally C(state).
      - JSON text is accepted as well.
    type: raw
    required: true
  port:
    description: TCP port of the pods' echo servers.
    type: int
    required: true
  networks:
    description:
      - Each node's C(pods_network), by the node's name. The default is the driver C(bridge).
      - JSON text is accepted as well.
    type: raw
    default: {}
  scope:
    description:
      - The nodes to probe. V(all) is all nodes. V(sample) is the node's two neighbours in the order of numbers and the
        node half-way round. V(auto) is V(all) for up to 20 nodes, and V(sample) for more.
    type: str
    choices: [auto, sample, all]
    default: all
"""

EXAMPLES = r"""
- name: Probe the other nodes' underlay addresses and VTEPs
  weft.fabric.reachability:
    targets: "{{ overlay_plans | weft.fabric.verify_targets(inventory_hostname, {}, 8000) }}"
"""

RETURN = r"""
_value:
  description: A value for O(weft.fabric.reachability#module:targets).
  type: list
  elements: dict
  sample:
    - {name: network-2 VTEP, address: 172.2.1.0}
    - {name: network-2/pod2, address: 172.2.1.2, url: "http://172.2.1.2:8000/echo", netns: pod1}
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError


def verify_targets(overlays, host, pods, port, networks=None, scope="all"):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import proof
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    try:
        return proof.probes(host, loaded(overlays), loaded(pods), port, loaded(networks or {}), scope)
    except FabricError as error:
        raise AnsibleFilterError(f"verify_targets: {error}") from error


class FilterModule:
    def filters(self):
        return {"verify_targets": verify_targets}
