# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: pods_masquerade
short_description: List the rules that masquerade pods' traffic out of the overlay
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Lists the rules that give pods' traffic out of their overlay the host's own address. Traffic to other pods and to
    the nodes' underlay addresses is exempt.
positional: _input, host
options:
  _input:
    description: The result of P(weft.fabric.overlay_plans#filter), also as JSON text.
    type: raw
    required: true
  host:
    description: The pods' node.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Masquerade the traffic of a node's pods out of the overlay
  weft.fabric.masquerade:
    table: weft_pods
    rules: "{{ overlay_plans | weft.fabric.pods_masquerade(inventory_hostname) }}"
"""

RETURN = r"""
_value:
  description: A value for O(weft.fabric.masquerade#module:rules), with one rule for each of the overlay's networks.
  type: list
  elements: dict
  sample:
    - {source: 172.2.0.0/24, exempt: [172.2.0.0/16, 192.168.1.138/32]}
"""


def pods_masquerade(overlays, host):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import pods
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    return pods.masquerade(loaded(overlays), host)


class FilterModule:
    def filters(self):
        return {"pods_masquerade": pods_masquerade}
