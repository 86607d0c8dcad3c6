#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: ipip
short_description: Manage IPv4-in-IPv4 tunnels
version_added: 0.1.0
description:
  - Creates a tunnel that carries IPv4 packets in IPv4 packets (RFC 2003), and changes it in place.
  - The kernel cannot change the O(mode) of an existing tunnel, or add a O(remote) to a tunnel without one. Both require
    O(recreate).
  - Requires the kernel driver C(ipip).
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
      - Largest packet in bytes, at most 20 less than the MTU of O(dev).
      - V(auto) is that maximum. If the MTU of O(dev) changes, the next run follows it.
    type: str
  local:
    description: Source address of the outer packets.
    type: str
  remote:
    description:
      - Destination address of the outer packets.
      - Without it, each packet goes to the gateway of its route, which requires C(onlink).
    type: str
  dev:
    description: The interface through which the outer packets leave.
    type: str
  mode:
    description: The protocols that the tunnel carries. The kernel's default is V(ipip).
    type: str
    choices: [ipip, mplsip, any]
  ttl:
    description: Time to live of the outer packets. 0 copies the value of the inner packet.
    type: int
  tos:
    description: Type of service of the outer packets. 1 copies the value of the inner packet.
    type: int
  pmtudisc:
    description:
      - Whether the outer packets must not be fragmented. The kernel's default is V(true).
      - V(false) requires O(ttl) to be 0.
    type: bool
  mac_address:
    description: Refused, because a tunnel has no MAC address.
    type: str
  controller:
    description:
      - Name of the VRF that the interface is a port of. A bridge or bond is refused, because its ports carry Ethernet
        frames.
      - An empty string removes the interface from there.
    type: str
    aliases: [master]
"""

EXAMPLES = r"""
- name: Create a tunnel to one host
  weft.fabric.ipip:
    name: ipip0
    local: 192.168.1.138
    remote: 192.168.2.142
    addresses: [10.1.0.1/30]

- name: Create a tunnel to the gateways of all its routes
  weft.fabric.ipip:
    name: fan0
    local: 192.168.1.138
    dev: enp1s0
    mtu: auto

- name: Delete the tunnel
  weft.fabric.ipip:
    name: ipip0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: ipip0, kind: ipip, admin_state: up, mtu: 1480, local: 192.168.1.138, remote: 192.168.2.142,
           mode: ipip, ttl: 0, tos: 0, pmtudisc: true, addresses: [10.1.0.1/30]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("ipip"), **arguments("ipip"))


if __name__ == "__main__":
    main()
