# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: lab_document
short_description: Turn a lab's interfaces and switches into a topology
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Turns the interfaces of a lab's hosts into the document for M(weft.fabric.topology) in the lab's node C(switches).
    Each switch is a bridge there. Each interface is one end of a veth pair, and the other end is a port of its switch.
  - Refuses an unknown switch or key, an invalid name, address or MAC, and a duplicate of any of these. The message
    names the host, the interface, the value and the remedy.
positional: _input, switches
options:
  _input:
    description:
      - Each host's list of interfaces, by the host's name. An interface has C(name) and C(switch), and optionally
        C(addresses) in CIDR notation, C(mac_address), and C(mtu) in bytes.
    type: dict
    required: true
  switches:
    description: The names of the switches.
    type: list
    elements: str
    required: true
"""

EXAMPLES = r"""
- name: Show a lab's cables
  ansible.builtin.debug:
    msg: "{{ {'network-1': [{'name': 'enp1s0', 'switch': 'lan1'}]} | weft.fabric.lab_document(['lan1']) }}"
"""

RETURN = r"""
_value:
  description: A value for O(weft.fabric.topology#module:namespaces).
  type: dict
  sample:
    "":
      links:
        - {name: lan1, kind: bridge, stp: false, forward_delay: 0}
        - {name: port2d1ff3cbb3a, kind: veth, controller: lan1, peer: {netns: network-1, name: enp1s0}}
"""

from ansible.errors import AnsibleFilterError

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError


def lab_document(hosts, switches):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils.cabling import document

    try:
        return document(hosts, switches)
    except FabricError as error:
        raise AnsibleFilterError(f"lab_document: {error}") from error


class FilterModule:
    def filters(self):
        return {"lab_document": lab_document}
