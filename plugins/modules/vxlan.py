#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vxlan
short_description: Manage VXLAN interfaces
version_added: 0.1.0
description:
  - Makes a VXLAN tunnel end point (VTEP, RFC 7348) and changes it in place.
  - The kernel cannot change O(vni) and O(port) of an existing one, so that needs O(recreate).
  - Its forwarding entries are those of M(weft.fabric.vxlan_fdb) and M(weft.fabric.vxlan_neigh).
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
      - Largest packet in bytes, at most what O(dev) leaves it.
      - V(auto) is just that, also after the MTU of O(dev) changes.
    type: str
  vni:
    description: VXLAN network identifier, from 0 to 16777215. Required with O(state=present).
    type: int
  local:
    description: Address that packets to other VTEPs are sent from.
    type: str
  dev:
    description: The underlay's interface.
    type: str
  port:
    description:
      - UDP port of all VTEPs of this network. 4789 is IANA's.
      - Linux's own default, which tools without one use, is 8472.
    type: int
    default: 4789
  learning:
    description: Whether it learns from the packets that arrive where a MAC address is.
    type: bool
    default: false
  remote:
    description: VTEP that everything without an entry of its own goes to. Excludes O(group).
    type: str
  group:
    description: Multicast group that everything without an entry of its own goes to. Needs O(dev).
    type: str
  ttl:
    description: Time to live of the outer packets; 0 is the kernel's choice.
    type: int
  tos:
    description: Type of service of the outer packets; 1 is that of the inner one.
    type: int
  df:
    description: Whether outer IPv4 packets may be fragmented (V(unset)) or not (V(set)), or as the inner (V(inherit)).
    type: str
    choices: [unset, set, inherit]
"""

EXAMPLES = r"""
- name: Make a VTEP whose entries are not learned but written
  weft.fabric.vxlan:
    name: vxlan0
    vni: 10
    local: 192.168.1.138
    dev: enp1s0
    mtu: 1450
    addresses: [172.2.0.0/32]

- name: Make a tunnel to one other VTEP
  weft.fabric.vxlan:
    name: vx0
    vni: 100
    local: 1.1.1.1
    remote: 2.2.2.2
    dev: eth0

- name: Delete it
  weft.fabric.vxlan:
    name: vxlan0
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel now has it; none if it is gone.
  type: dict
  returned: success
  sample: {name: vxlan0, kind: vxlan, admin_state: up, mtu: 1450, mac_address: "d6:d4:f0:7b:b4:17", vni: 10, port: 4789,
           local: 192.168.1.138, dev: enp1s0, learning: false, ttl: 0, tos: 0, df: unset, addresses: [172.2.0.0/32]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import LINK
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body

SPEC = {
    **LINK,
    "mtu": {"type": "str"},
    "vni": {"type": "int"},
    "local": {"type": "str"},
    "dev": {"type": "str"},
    "port": {"type": "int", "default": 4789},
    "learning": {"type": "bool", "default": False},
    "remote": {"type": "str"},
    "group": {"type": "str"},
    "ttl": {"type": "int"},
    "tos": {"type": "int"},
    "df": {"type": "str", "choices": ["unset", "set", "inherit"]},
}


def main() -> None:
    run(
        link_body("vxlan"),
        argument_spec=SPEC,
        required_if=[("state", "present", ["vni"])],
        mutually_exclusive=[("remote", "group")],
    )


if __name__ == "__main__":
    main()
