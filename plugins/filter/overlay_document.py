# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: overlay_document
short_description: Turn the plans of all overlays into the document of one host
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Turns the plans of all overlays into one host's document for M(weft.fabric.document).
  - With the mode C(direct) or C(cross_subnet), nodes on the same segment get plain routes to each other.
positional: _input, host
options:
  _input:
    description: The result of P(weft.fabric.overlay_plans#filter), also as JSON text.
    type: raw
    required: true
  host:
    description: The node.
    type: str
    required: true
  resync:
    description: O(weft.fabric.document#module:document.resync).
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Show the overlays' document for this host
  ansible.builtin.debug:
    msg: "{{ (overlay_plans | weft.fabric.overlay_document(inventory_hostname)).document }}"
"""

RETURN = r"""
_value:
  description:
    - C(state) and C(document), as options for M(weft.fabric.document), and C(gone), further links to remove, because
      their overlay is removed or no longer uses them. The document is JSON text, because Ansible inspects every value
      of a structure, and this structure is large.
    - Unless all overlays are removed, the first link is the underlay's interface.
  type: dict
  sample:
    state: present
    document: >-
      {"topology": {"namespaces": {"": {
      "links": [{"name": "enp1s0"}, {"name": "vxlan0", "kind": "vxlan", "vni": 10, "local": "192.168.1.138"}],
      "neighbours": [{"dev": "vxlan0", "dst": "172.2.1.0", "lladdr": "7a:a8:b2:e5:b6:b6"}],
      "fdb": [{"dev": "vxlan0", "lladdr": "7a:a8:b2:e5:b6:b6", "dst": "192.168.2.142"}],
      "routes": [{"dst": "172.2.1.0/24", "via": "172.2.1.0", "dev": "vxlan0", "onlink": true}]}},
      "purge": true, "purge_links": true, "route_protocol": 120},
      "sysctl": {"net.ipv4.ip_forward": 1}, "resync": 0}
    gone: []
"""

import json

from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError


def overlay_document(overlays, host, resync=0):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils.overlay import document
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    try:
        found = document(loaded(overlays), host)
        return {**found, "document": json.dumps({**found["document"], "resync": resync})}
    except FabricError as error:
        raise AnsibleFilterError(f"overlay_document: {error}") from error


class FilterModule:
    def filters(self):
        return {"overlay_document": overlay_document}
