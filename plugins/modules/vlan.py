#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vlan
short_description: Manage VLAN interfaces
version_added: 0.1.0
description:
  - Creates an interface for one VLAN of another interface.
  - The kernel cannot change O(parent), O(vlan_id) and O(protocol) of an existing interface. This requires O(recreate).
  - Requires the kernel driver C(8021q).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link
  - weft.fabric.link.state
  - weft.fabric.link.netns
options:
  mtu:
    description:
      - Largest packet in bytes, at most the MTU of O(parent).
      - V(auto) is that maximum. If the MTU of O(parent) changes, the next run follows it.
    type: str
  parent:
    description: The interface that carries the tagged frames. Required with O(state=present).
    type: str
  vlan_id:
    description: The VLAN, from 1 to 4094. Required with O(state=present).
    type: int
  protocol:
    description: The tag's protocol, V(802.1q) for a customer's VLAN or V(802.1ad) for a provider's (QinQ). A new
      interface gets V(802.1q) by default.
    type: str
    choices: [802.1q, 802.1ad]
"""

EXAMPLES = r"""
- name: Create an interface for VLAN 2 of a NIC
  weft.fabric.vlan:
    name: enp1s0.2
    parent: enp1s0
    vlan_id: 2
    addresses: [10.0.2.1/24]

- name: Delete the interface
  weft.fabric.vlan:
    name: enp1s0.2
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: enp1s0.2, kind: vlan, admin_state: up, mtu: 1500, mac_address: "52:54:00:9e:19:22", parent: enp1s0,
           vlan_id: 2, protocol: 802.1q, addresses: [10.0.2.1/24]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("vlan"), **arguments("vlan"))


if __name__ == "__main__":
    main()
