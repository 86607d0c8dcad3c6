#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: dummy
short_description: Manage dummy interfaces
version_added: 0.1.0
description:
  - Creates an interface that drops everything sent through it. Its addresses exist whichever other interfaces are up.
  - Requires the kernel driver C(dummy).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link
  - weft.fabric.link.state
  - weft.fabric.link.netns
options: {}
"""

EXAMPLES = r"""
- name: Create an interface for an address that always exists
  weft.fabric.dummy:
    name: dummy1
    addresses: [10.0.0.1/32]

- name: Delete the interface
  weft.fabric.dummy:
    name: dummy1
    state: absent
"""

RETURN = r"""
link:
  description: The interface as the kernel reports it afterwards; null if it was removed.
  type: dict
  returned: success
  sample: {name: dummy1, kind: dummy, admin_state: up, mtu: 1500, mac_address: "3e:7a:94:05:fc:05",
           addresses: [10.0.0.1/32]}
"""

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.bodies import link_body
from ansible_collections.weft.fabric.plugins.module_utils.kinds.spec import arguments


def main() -> None:
    run(link_body("dummy"), **arguments("dummy"))


if __name__ == "__main__":
    main()
