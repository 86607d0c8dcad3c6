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
  - Adds IPv4 and IPv6 addresses to an existing interface, changes and removes them. Any interface will do, including
    one that this collection did not create.
  - A listed address is permanent. One that has a lifetime, from DHCP for example, loses it.
  - What a task does not ask for stays as it is, such as an address's broadcast address or its flags. If the kernel
    cannot change an option in place, the address is deleted and added again.
  - If an address replaces another one of its subnet, the other addresses of the subnet and all routes stay.
  - The kernel prefers the first IPv6 address of an interface as the source of packets. Missing addresses are added so
    that they have the order of the list. Existing ones stay in their order, and a warning shows that if it differs.
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
    description:
      - Addresses in CIDR notation, each with its prefix length. An item can also be a dictionary with the C(address)
        and these options.
      - C(peer) is the address of the other end of a point-to-point link, without a prefix length. The prefix length of
        C(address) is that of C(peer), too. An address without C(peer) stands for one with any.
      - C(scope) is V(global), V(site), V(link), V(host), V(nowhere) or a number. It is for IPv4 only, and the same for
        all addresses of a subnet.
      - C(label) is a name of at most 15 bytes, usually the interface's with a suffix (V(eth0:1)). It is for IPv4 only.
      - C(metric) is the metric of the route to the address's subnet. V(0) is the kernel's default.
      - C(noprefixroute) says whether the kernel makes no route to the address's subnet.
      - C(nodad) says whether an IPv6 address is used without duplicate address detection.
    type: list
    elements: raw
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

- name: Add an address of a point-to-point link, and one whose subnet's route comes second
  weft.fabric.address:
    dev: enp1s0
    addresses:
      - {address: 192.0.2.10/32, peer: 192.0.2.1}
      - {address: 10.5.0.1/24, metric: 200, label: "enp1s0:5"}

- name: Remove an address
  weft.fabric.address:
    dev: enp1s0
    addresses: ["2001:db8::138/64"]
    state: absent
"""

RETURN = r"""
addresses:
  description: The listed addresses that the interface now has, with the options that are not as usual.
  type: list
  elements: dict
  returned: success
  sample: [{dev: enp1s0, address: 192.168.1.138/24}, {dev: enp1s0, address: 192.0.2.10/32, peer: 192.0.2.1}]
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
    "addresses": {"type": "list", "elements": "raw", "required": True},
}


def add(module: AnsibleModule, document: Document, netns: str) -> None:
    dev = values.link_name("dev", module.params["dev"])
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
