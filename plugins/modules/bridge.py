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
  - Creates a bridge, changes it in place, and adds its ports.
  - The bridge keeps the MTU that a task gave it. Without one, the MTU follows the ports.
  - An interface that is a port of another bridge is refused, not moved, because moving it would cut off its users
    there.
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
    description: Whether the bridge takes part in the spanning tree protocol.
    type: bool
  forward_delay:
    description: Seconds in each of the states listening and learning, from 0 to 30, and at least 2 with STP.
    type: int
  hello_time:
    description: Seconds between the bridge's messages in the spanning tree, from 1 to 10.
    type: int
  max_age:
    description: Seconds after which messages in the spanning tree are outdated, from 6 to 40.
    type: int
  priority:
    description: Priority in the spanning tree, from 0 to 65535. The bridge with the lowest one becomes the root.
    type: int
  group_fwd_mask:
    description:
      - Which frames of link-local groups the bridge forwards, such as 8 for 802.1X or 16384 for LLDP. Each bit stands
        for the last digit of a group from 01:80:c2:00:00:00 to 01:80:c2:00:00:0f. The lowest three bits cannot be set.
    type: int
  ageing_time:
    description: Seconds after which the bridge forgets a learned MAC address.
    type: int
  vlan_filtering:
    description: Whether the bridge forwards frames by their VLAN tags.
    type: bool
  mcast_snooping:
    description: Whether multicast is forwarded only to ports that asked for it.
    type: bool
  mcast_querier:
    description: Whether the bridge itself asks who wants which multicast, where no router does.
    type: bool
  mcast_router:
    description:
      - Whether the bridge's host is a multicast router. 0 says no, 1 that queries tell, and 2 says yes.
    type: int
"""

EXAMPLES = r"""
- name: Create a bridge with an address and two ports
  weft.fabric.bridge:
    name: br0
    addresses: [172.2.0.1/24]
    ports: [veth11, veth22]

- name: Forward without delay, and remove all other ports
  weft.fabric.bridge:
    name: br0
    stp: false
    forward_delay: 0
    ports: [veth11]
    purge_ports: true

- name: Delete the bridge
  weft.fabric.bridge:
    name: br0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: br0, kind: bridge, admin_state: up, mtu: 1500, mac_address: "3e:7a:94:05:fc:05", stp: false,
           forward_delay: 15, ageing_time: 300, mcast_snooping: true, addresses: [172.2.0.1/24]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("bridge"), **arguments("bridge"))


if __name__ == "__main__":
    main()
