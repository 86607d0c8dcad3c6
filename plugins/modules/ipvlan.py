#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipvlan
short_description: Manage IPVLAN interfaces
version_added: 0.1.0
description:
  - Makes an interface on another interface, whose MAC address it shares.
  - The kernel lets no packet pass between O(parent) itself and the interfaces on it.
  - An interface carries macvlans or ipvlans, or is the port of a bridge or a bond; more than one of these is refused.
  - O(mode) and O(flag) are those of all ipvlans on one O(parent). Where there are several, they are changed in one task
    of M(weft.fabric.topology).
  - The kernel cannot change O(parent) of an existing one, so that needs O(recreate).
  - The kernel needs the driver C(ipvlan).
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
      - Whether packets are switched by MAC address (V(l2)), or routed by O(parent)'s namespace (V(l3)), without
        broadcast and multicast then.
      - V(l3s) is V(l3) with that namespace's connection tracking.
    type: str
    choices: [l2, l3, l3s]
    default: l2
  flag:
    description:
      - What passes between the interfaces on one O(parent); V(private) is nothing, V(bridge) is all, and V(vepa) is
        what the switch behind O(parent) sends back.
    type: str
    choices: [bridge, private, vepa]
    default: bridge
  mac_address:
    description: Refused, since it is that of O(parent).
    type: str
"""

EXAMPLES = r"""
- name: Give a pod an address in the network of a NIC
  weft.fabric.ipvlan:
    name: eth0
    netns: pod1
    parent: enp1s0
    parent_netns: ""
    addresses: [192.168.1.10/24]

- name: Make an interface that the host routes to
  weft.fabric.ipvlan:
    name: ipvl0
    parent: enp2s0
    mode: l3
    addresses: [10.1.0.1/32]

- name: Delete it
  weft.fabric.ipvlan:
    name: ipvl0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel now has it; none if it is gone.
  type: dict
  returned: success
  sample: {name: eth0, kind: ipvlan, admin_state: up, mtu: 1500, parent: enp1s0, parent_netns: "", mode: l2,
           flag: bridge, addresses: [192.168.1.10/24]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import LINK, PARENT
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds import IPVLAN_FLAGS, IPVLAN_MODES

SPEC = {
    **LINK,
    **PARENT,
    "mode": {"type": "str", "choices": list(IPVLAN_MODES), "default": "l2"},
    "flag": {"type": "str", "choices": list(IPVLAN_FLAGS), "default": "bridge"},
}


def main() -> None:
    run(link_body("ipvlan"), argument_spec=SPEC, required_if=[("state", "present", ["parent"])])


if __name__ == "__main__":
    main()
