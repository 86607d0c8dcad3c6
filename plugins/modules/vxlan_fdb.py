#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vxlan_fdb
short_description: Manage the forwarding entries of a VXLAN
version_added: 0.1.0
description:
  - Maps MAC addresses to the VTEPs behind which they are, any number in one call.
  - Replaces a learned entry for the same MAC address, and shows it in the diff.
  - Keeps learned entries, entries that a routing daemon marks as externally learned (C(extern_learn)), the bridge's
    entries, and the entry of the device's own C(remote), even if the list does not contain them.
  - Daemons do not mark the entries of C(00:00:00:00:00:00). On a bridge's port, and on a device with marked entries,
    those that this collection did not make are kept as well. The kernel knows one state for all destinations of
    C(00:00:00:00:00:00), so a device that floods to destinations of both keeps them all. O(state=absent) removes those
    that are listed.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
  - weft.fabric.link.netns
  - weft.fabric.link.purge
options:
  dev:
    description: Name of the VXLAN interface.
    type: str
    required: true
  entries:
    description: The entries.
    type: list
    elements: dict
    required: true
    suboptions:
      lladdr:
        description:
          - Inner destination MAC address, such as the other VTEP's own.
          - V(00:00:00:00:00:00) stands for all MAC addresses without an entry of their own. Each VTEP to flood to needs
            one such entry.
        type: str
        required: true
      dst:
        description: Underlay address of the other VTEP. Required unless the entry has a O(entries[].nhid).
        type: str
      port:
        description: UDP port of the other VTEP, if it differs from the port of O(dev).
        type: int
      vni:
        description: VNI to send with, if it differs from the VNI of O(dev).
        type: int
      src_vni:
        description: VNI of the frames that the entry is for, if O(dev) is C(external).
        type: int
      via:
        description: Interface that the packets leave by. By default the kernel chooses.
        type: str
      nhid:
        description: Number of a group of nexthops (C(ip nexthop)) that stands for several VTEPs.
        type: int
"""

EXAMPLES = r"""
- name: Declare where the other nodes' VTEPs are
  weft.fabric.vxlan_fdb:
    dev: vxlan0
    purge: true
    entries:
      - lladdr: ea:39:22:52:ca:06
        dst: 192.168.2.142

- name: Flood frames without an entry to two VTEPs
  weft.fabric.vxlan_fdb:
    dev: vxlan0
    entries:
      - {lladdr: "00:00:00:00:00:00", dst: 192.168.2.142}
      - {lladdr: "00:00:00:00:00:00", dst: 192.168.3.17}
"""

RETURN = r"""
entries:
  description: The listed entries that the kernel now has.
  type: list
  elements: dict
  returned: success
  sample: [{dev: vxlan0, lladdr: "ea:39:22:52:ca:06", dst: 192.168.2.142}]
"""


from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS, PURGE, STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import device_entries_body
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import add_fdb

SPEC = {
    **STATE,
    **NETNS,
    **PURGE,
    "dev": {"type": "str", "required": True},
    "entries": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "lladdr": {"type": "str", "required": True},
            "dst": {"type": "str"},
            "port": {"type": "int"},
            "vni": {"type": "int"},
            "src_vni": {"type": "int"},
            "via": {"type": "str"},
            "nhid": {"type": "int"},
        },
    },
}


def main() -> None:
    run(device_entries_body("fdb", add_fdb), argument_spec=SPEC)


if __name__ == "__main__":
    main()
