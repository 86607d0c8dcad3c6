#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: address
short_description: Manage the addresses of an interface
version_added: 0.1.0
description:
  - Adds IPv4 and IPv6 addresses to an existing interface, and removes them. Any interface will do, including one that
    this collection did not create.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
  - weft.fabric.link.netns
options:
  dev:
    description: Name of the interface.
    type: str
    required: true
  addresses:
    description: Addresses in CIDR notation, each with its prefix length.
    type: list
    elements: str
    required: true
  purge:
    description:
      - Whether the list is authoritative. Addresses that are not in the list are removed.
      - Link-local addresses, and addresses from DHCP or router advertisements, are kept.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Add two addresses
  weft.fabric.address:
    dev: enp1s0
    addresses: [192.168.1.138/24, 2001:db8::138/64]

- name: Keep only one address
  weft.fabric.address:
    dev: enp1s0
    addresses: [192.168.1.138/24]
    purge: true

- name: Remove an address
  weft.fabric.address:
    dev: enp1s0
    addresses: ["2001:db8::138/64"]
    state: absent
"""

RETURN = r"""
addresses:
  description: The listed addresses that the interface now has.
  type: list
  elements: dict
  returned: success
  sample: [{dev: enp1s0, address: 192.168.1.138/24}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS, PURGE, STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import entries_body
from ansible_collections.weft.fabric.plugins.module_utils.model.address import parse_own
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document

SPEC = {
    **STATE,
    **NETNS,
    **PURGE,
    "dev": {"type": "str", "required": True},
    "addresses": {"type": "list", "elements": "str", "required": True},
}


def add(module: AnsibleModule, document: Document, netns: str) -> None:
    dev = values.ifname("dev", module.params["dev"])
    desired = document.at(netns)
    for index, value in enumerate(module.params["addresses"]):
        where = f"addresses[{index}]"
        desired.add_address(parse_own(dev, value, where), where)
    if module.params["purge"]:
        desired.purge_addresses.add(dev)


def main() -> None:
    run(entries_body("addresses", add, "addresses"), argument_spec=SPEC)


if __name__ == "__main__":
    main()
