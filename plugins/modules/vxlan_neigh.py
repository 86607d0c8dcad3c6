#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vxlan_neigh
short_description: Manage the permanent neighbours on a VXLAN
version_added: 0.1.0
description:
  - Maps overlay addresses of other VTEPs to MAC addresses, any number in one call, so that no host has to ask for them
    (ARP, NDP).
  - Replaces a learned entry for the same address by a permanent one, and shows it in the diff.
  - Keeps entries that are not permanent, entries that the kernel resolves by itself (C(managed)), and entries that a
    routing daemon marks as externally learned (C(extern_learn)) or with its protocol (C(proto zebra)), even if the list
    does not contain them. One that the list contains as it is counts as present.
  - When the MAC address of an entry changes, it stays marked as a router, and with the protocol.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
  - weft.fabric.link.netns
  - weft.fabric.link.purge
options:
  dev:
    description: Name of the VXLAN interface.
    type: str
    required: true
  entries:
    description: The entries.
    type: list
    elements: dict
    required: true
    suboptions:
      dst:
        description: IPv4 or IPv6 address.
        type: str
        required: true
      lladdr:
        description: The address's MAC address.
        type: str
        required: true
"""

EXAMPLES = r"""
- name: Declare the MAC addresses of the other nodes' VTEPs
  weft.fabric.vxlan_neigh:
    dev: vxlan0
    purge: true
    entries:
      - dst: 172.2.1.0
        lladdr: ea:39:22:52:ca:06
"""

RETURN = r"""
entries:
  description: The listed entries that the kernel now has.
  type: list
  elements: dict
  returned: success
  sample: [{dev: vxlan0, dst: 172.2.1.0, lladdr: "ea:39:22:52:ca:06"}]
"""


from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS, PURGE, STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import device_entries_body
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import add_neighbours

SPEC = {
    **STATE,
    **NETNS,
    **PURGE,
    "dev": {"type": "str", "required": True},
    "entries": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "dst": {"type": "str", "required": True},
            "lladdr": {"type": "str", "required": True},
        },
    },
}


def main() -> None:
    run(device_entries_body("neighbours", add_neighbours), argument_spec=SPEC)


if __name__ == "__main__":
    main()
