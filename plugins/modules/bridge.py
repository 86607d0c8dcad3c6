#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge
short_description: Manage Ethernet bridges
version_added: 0.1.0
description:
  - Makes a bridge, changes it in place, and gives it its ports.
  - A port that is in another bridge is refused and not moved, because that would cut off whoever uses it there.
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
  stp:
    description: Whether it takes part in the spanning tree protocol.
    type: bool
  forward_delay:
    description: Seconds in each of the states listening and learning, from 0 to 30; with STP at least 2.
    type: int
  ageing_time:
    description: Seconds after which a learned MAC address is forgotten.
    type: int
  vlan_filtering:
    description: Whether VLAN tags decide what is forwarded.
    type: bool
  mcast_snooping:
    description: Whether multicast goes only to ports that asked for it.
    type: bool
"""

EXAMPLES = r"""
- name: Make a bridge with an address and two ports
  weft.fabric.bridge:
    name: br0
    addresses: [172.2.0.1/24]
    ports: [veth11, veth22]

- name: Let it forward at once, and have no other ports
  weft.fabric.bridge:
    name: br0
    stp: false
    forward_delay: 0
    ports: [veth11]
    purge_ports: true

- name: Delete it
  weft.fabric.bridge:
    name: br0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel now has it; none if it is gone.
  type: dict
  returned: success
  sample: {name: br0, kind: bridge, admin_state: up, mtu: 1500, mac_address: "3e:7a:94:05:fc:05", stp: false,
           forward_delay: 15, ageing_time: 300, vlan_filtering: false, mcast_snooping: true, addresses: [172.2.0.1/24]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import LINK, PORTS
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body

SPEC = {
    **LINK,
    **PORTS,
    "stp": {"type": "bool"},
    "forward_delay": {"type": "int"},
    "ageing_time": {"type": "int"},
    "vlan_filtering": {"type": "bool"},
    "mcast_snooping": {"type": "bool"},
}


def main() -> None:
    run(link_body("bridge"), argument_spec=SPEC)


if __name__ == "__main__":
    main()
