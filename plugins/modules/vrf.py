#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vrf
short_description: Manage VRF devices
version_added: 0.1.0
description:
  - Creates a device for virtual routing and forwarding (VRF), and adds its ports. The VRF's own table routes the
    packets of its ports.
  - A port keeps its addresses. When it joins or leaves a VRF, the kernel takes it down and up, and the module restores
    the listed addresses and routes.
  - To add routes to the VRF, use its O(table) in M(weft.fabric.route).
  - The kernel cannot change the O(table) of an existing VRF. This requires O(recreate).
  - Requires the kernel driver C(vrf).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link
  - weft.fabric.link.state
  - weft.fabric.link.netns
  - weft.fabric.link.ports
options:
  table:
    description: Number of the VRF's routing table, from 1 to 4294967295. Required with O(state=present).
    type: int
  mtu:
    description: Largest packet in bytes, from 1280 to 65575. The kernel's default is the largest.
    type: int
  controller:
    description: Refused, because a VRF is not a port.
    type: str
    aliases: [master]
"""

EXAMPLES = r"""
- name: Route the packets of two interfaces through table 10
  weft.fabric.vrf:
    name: vrf-blue
    table: 10
    ports: [enp2s0, enp3s0]

- name: Add a default route to a gateway behind one of the interfaces
  weft.fabric.route:
    routes:
      - {dst: default, via: 10.0.0.1, dev: enp2s0, table: 10}

- name: Delete the VRF
  weft.fabric.vrf:
    name: vrf-blue
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: vrf-blue, kind: vrf, admin_state: up, mtu: 65575, mac_address: "3e:7a:94:05:fc:05", table: 10}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("vrf"), **arguments("vrf"))


if __name__ == "__main__":
    main()
