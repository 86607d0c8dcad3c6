#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: macvlan
short_description: Manage MACVLAN interfaces
version_added: 0.1.0
description:
  - Makes an interface with a MAC address of its own on another interface.
  - The kernel lets no packet pass between O(parent) itself and the interfaces on it.
  - An interface carries macvlans or ipvlans, or is the port of a bridge or a bond; more than one of these is refused.
  - The kernel cannot change O(parent), and O(mode) to or from V(passthru), so that needs O(recreate).
  - The kernel needs the driver C(macvlan).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link
  - weft.fabric.link.state
  - weft.fabric.link.netns
  - weft.fabric.link.parent
options:
  mtu:
    description:
      - Largest packet in bytes, at most what O(parent) leaves it.
      - V(auto) is just that, also after the MTU of O(parent) changes.
    type: str
  mode:
    description:
      - What passes between the interfaces on one O(parent); V(private) is nothing, V(bridge) is all, and V(vepa) is
        what the switch behind O(parent) sends back.
      - V(passthru) is the only one on its O(parent), and shares its MAC address. V(source) takes packets from
        O(source_macs) alone.
    type: str
    choices: [private, vepa, bridge, passthru, source]
    default: bridge
  source_macs:
    description: MAC addresses that packets are taken from, in mode V(source). The list is authoritative.
    type: list
    elements: str
  nopromisc:
    description: Whether O(parent) is left out of promiscuous mode, in mode V(passthru).
    type: bool
"""

EXAMPLES = r"""
- name: Give a pod a MAC address of its own in the network of a NIC
  weft.fabric.macvlan:
    name: eth0
    netns: pod1
    parent: enp1s0
    parent_netns: ""
    addresses: [192.168.1.10/24]

- name: Take packets from one sender alone
  weft.fabric.macvlan:
    name: macvlan1
    parent: enp1s0
    mode: source
    source_macs: ["02:00:5e:10:00:01"]

- name: Delete it
  weft.fabric.macvlan:
    name: macvlan1
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel now has it; none if it is gone.
  type: dict
  returned: success
  sample: {name: eth0, kind: macvlan, admin_state: up, mtu: 1500, mac_address: "3e:7a:94:05:fc:05", parent: enp1s0,
           parent_netns: "", mode: bridge, addresses: [192.168.1.10/24]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import LINK, PARENT
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds import MACVLAN_MODES

SPEC = {
    **LINK,
    **PARENT,
    "mode": {"type": "str", "choices": list(MACVLAN_MODES), "default": "bridge"},
    "source_macs": {"type": "list", "elements": "str"},
    "nopromisc": {"type": "bool"},
}


def main() -> None:
    run(link_body("macvlan"), argument_spec=SPEC, required_if=[("state", "present", ["parent"])])


if __name__ == "__main__":
    main()
