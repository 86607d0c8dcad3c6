#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: tuntap
short_description: Manage TUN and TAP interfaces
version_added: 0.1.0
description:
  - Creates an interface whose packets (TUN) or frames (TAP) a program reads and writes, and changes it in place.
  - The kernel cannot change O(mode) and O(multi_queue) of an existing interface. This requires O(recreate).
  - If an interface has only one queue, O(owner), O(group) and O(persist) cannot be changed while a program holds it.
  - Requires the kernel driver C(tun).
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
  mode:
    description:
      - Whether the interface carries IP packets (V(tun)) or Ethernet frames (V(tap)). Required with O(state=present).
      - Only V(tap) has a MAC address, and can be a port of a bridge.
    type: str
    choices: [tun, tap]
  owner:
    description: Name or number of the user who may use the interface, besides root.
    type: str
  group:
    description: Name or number of the group that may use the interface, besides root.
    type: str
  persist:
    description:
      - Whether the interface is kept when no program holds it.
      - V(false) is for an interface that a program created as not persistent. Any other interface would be deleted at
        once, so V(false) is refused.
    type: bool
  multi_queue:
    description: Whether several programs or threads can use the interface at once.
    type: bool
"""

EXAMPLES = r"""
- name: Create a TAP interface for a virtual machine, and connect it to a bridge
  weft.fabric.tuntap:
    name: tap1
    mode: tap
    owner: root
    controller: br0

- name: Create a TUN interface for a VPN
  weft.fabric.tuntap:
    name: tun0
    mode: tun
    addresses: [10.8.0.1/24]

- name: Delete the interface
  weft.fabric.tuntap:
    name: tun0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: tap1, kind: tuntap, admin_state: up, mtu: 1500, mac_address: "3e:7a:94:05:fc:05", controller: br0,
           mode: tap, owner: 0, persist: true, multi_queue: false}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("tuntap"), **arguments("tuntap"))


if __name__ == "__main__":
    main()
