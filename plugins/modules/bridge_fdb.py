#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: bridge_fdb
short_description: Manage the static forwarding entries of a bridge's port
version_added: 0.1.0
description:
  - Maps MAC addresses to the port of a bridge behind which they are, so that the bridge neither floods their frames nor
    forgets them.
  - Makes a learned entry for the same MAC address static. A bridge has one entry for a MAC address and VLAN, so that an
    entry behind another port is replaced as well. The diff shows both.
  - Keeps learned entries, those of a routing daemon (C(extern_learn)), and those of the bridge's own addresses, even if
    the list does not contain them.
  - Refuses an entry for an address of the bridge itself or of its ports, because it would replace the bridge's own one,
    and the host would not receive frames to this address any more.
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
    description: Name of the port.
    type: str
    required: true
  entries:
    description: The entries.
    type: list
    elements: dict
    required: true
    suboptions:
      lladdr:
        description: Unicast MAC address.
        type: str
        required: true
      vlan:
        description: The VLAN of the frames, on a bridge that filters VLANs. By default all VLANs of the port.
        type: int
      sticky:
        description: Whether the address stays behind this port even if frames from it arrive on another one.
        type: bool
        default: false
"""

EXAMPLES = r"""
- name: Declare who is behind a port
  weft.fabric.bridge_fdb:
    dev: veth11
    purge: true
    entries:
      - lladdr: 02:00:5e:10:00:01
      - {lladdr: 02:00:5e:10:00:02, sticky: true}
"""

RETURN = r"""
entries:
  description: The listed entries that the kernel now has.
  type: list
  elements: dict
  returned: success
  sample: [{dev: veth11, lladdr: "02:00:5e:10:00:01"}]
"""


from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS, PURGE, STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import device_entries_body
from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import add_bridge_fdb

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
            "vlan": {"type": "int"},
            "sticky": {"type": "bool", "default": False},
        },
    },
}


def main() -> None:
    run(device_entries_body("bridge_fdb", add_bridge_fdb), argument_spec=SPEC)


if __name__ == "__main__":
    main()
