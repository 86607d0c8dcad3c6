#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: obstacles_info
short_description: Read what can keep packets from getting through a host
version_added: 0.1.0
description:
  - Returns the chains of the host's firewalls that drop packets, whether the host forwards, and how many packets
    interfaces have sent and received.
  - The chains are those of nftables, which include those of iptables-nft, and those of iptables-legacy. Tables of this
    collection (C(weft_*)) are left out.
  - The module reads verdicts, and not what rules match. A chain that drops some packets may accept those of the fabric.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
requirements:
  - Python 3.9 or newer on the host
  - CAP_NET_ADMIN (root) on the host
options:
  interfaces:
    description: Names of the interfaces whose packets are counted.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Reads in check mode as well, because reading changes nothing.
  diff_mode:
    support: none
    description: There is no diff, because the module changes nothing.
"""

EXAMPLES = r"""
- name: Read the host's firewall
  weft.fabric.obstacles_info:
    interfaces: [vxlan0]
  register: obstacles

- name: Check that nothing drops all forwarded packets
  ansible.builtin.assert:
    that: obstacles.chains | selectattr('hook', 'eq', 'forward') | selectattr('all') | length == 0
"""

RETURN = r"""
chains:
  description: The base chains that drop packets.
  returned: success
  type: list
  elements: dict
  contains:
    family:
      description: V(ip), V(ip6) or V(inet).
      type: str
      sample: ip
    table:
      description: The chain's table.
      type: str
      sample: filter
    chain:
      description: The chain's name.
      type: str
      sample: FORWARD
    hook:
      description: V(prerouting), V(input), V(forward), V(output) or V(postrouting).
      type: str
      sample: forward
    all:
      description: Whether the chain drops by its policy, or by a rule without a condition.
      type: bool
      sample: true
forwarding:
  description: Whether the host forwards packets, by family.
  returned: success
  type: dict
  sample: {ipv4: true, ipv6: false}
counters:
  description: Packets of each of O(interfaces) that exists, since the interface was created.
  returned: success
  type: dict
  sample: {vxlan0: {received: 120, sent: 131, dropped: 0}}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.kernel.obstacles import obstacles

SPEC = {"interfaces": {"type": "list", "elements": "str", "default": []}}


def body(module: AnsibleModule) -> dict[str, Any]:
    return {"changed": False, **obstacles(module.params["interfaces"])}


def main() -> None:
    run(body, argument_spec=SPEC)


if __name__ == "__main__":
    main()
