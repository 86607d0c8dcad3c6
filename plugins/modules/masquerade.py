#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: masquerade
short_description: Masquerade traffic in an nftables table of its own
version_added: 0.1.0
description:
  - Gives packets from a source network the address of the interface they leave by, but for exempt destinations.
  - The rules stand in one nftables table of family C(inet) that belongs to this module alone. The table is compared as
    a whole and, where it differs, replaced in one transaction, so that no packet ever meets half of it. Whatever others
    put into that table is taken out again. Other tables are never touched.
  - Connections that exist keep the translation they have, as the kernel holds it in its connection tracking.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
  - weft.fabric.link.netns
requirements:
  - Python 3.9 or newer on the host
  - nft (package C(nftables)) on the host
  - CAP_NET_ADMIN (root) on the host
notes:
  - In check mode, a namespace that is missing is a warning and not an error, because a task before this one may be
    about to make it.
options:
  state:
    description:
      - V(present) makes the table hold exactly O(rules).
      - V(absent) takes the table away.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description:
      - What is masqueraded, in the order in which the kernel tries it.
      - Needed, and not empty, with O(state=present).
    type: list
    elements: dict
    suboptions:
      source:
        description: The network whose packets are masqueraded, IPv4 or IPv6, such as V(172.2.0.0/24).
        type: str
        required: true
      out_interface:
        description:
          - Only packets that leave by this interface.
          - It need not exist yet. Without it, packets are masqueraded whichever way they leave.
        type: str
      exempt:
        description:
          - Destination networks, of the family of O(rules[].source), to which this rule does not apply. Put the whole
            overlay here, so that pods see each other's own addresses.
        type: list
        elements: str
        default: []
  table:
    description: Name of the table. Two uses on one host, such as a router's and its pods', take two tables.
    type: str
    default: weft
attributes:
  diff_mode:
    support: full
    description: Returns the table before and after, one line for each rule, in the syntax of nft.
"""

EXAMPLES = r"""
- name: Let both subnets out of the router
  weft.fabric.masquerade:
    rules:
      - source: 192.168.1.0/24
        out_interface: enp2s0
      - source: 192.168.2.0/24
        out_interface: enp1s0

- name: Let the pods out, but never hide one pod from another
  weft.fabric.masquerade:
    table: weft_pods
    rules:
      - source: 10.244.1.0/24
        exempt:
          - 10.244.0.0/16
      - source: fd00:10:244:1::/64
        exempt:
          - fd00:10:244::/48

- name: Take the pods' table away
  weft.fabric.masquerade:
    table: weft_pods
    state: absent
"""

RETURN = r"""
table:
  description: Name of the table.
  returned: success
  type: str
  sample: weft
rules:
  description:
    - The rules as the kernel has them now, in check mode as it would have them.
    - They may be given as O(rules) again.
  returned: success
  type: list
  elements: dict
  contains:
    source:
      description: The network whose packets are masqueraded.
      type: str
      sample: 10.244.1.0/24
    out_interface:
      description: The interface by which they leave, null if it does not matter.
      type: str
      sample: eth0
    exempt:
      description: The exempt destinations, sorted, and merged where they overlap or adjoin.
      type: list
      elements: str
      sample: [10.244.0.0/16]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS, STATE
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside, netns_status
from ansible_collections.weft.fabric.plugins.module_utils.nft.listing import predict
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import masquerade_of, table_name
from ansible_collections.weft.fabric.plugins.module_utils.nft.table import converge

ARGUMENT_SPEC = {
    **STATE,
    **NETNS,
    "rules": {
        "type": "list",
        "elements": "dict",
        "options": {
            "source": {"type": "str", "required": True},
            "out_interface": {"type": "str"},
            "exempt": {"type": "list", "elements": "str", "default": []},
        },
    },
    "table": {"type": "str", "default": "weft"},
}


def masquerade(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    name = table_name("table", params["table"])
    rules = masquerade_of(params["rules"]) if params["state"] == "present" else None
    netns = values.netns("netns", params["netns"]) if params["netns"] else ""
    if module.check_mode and netns_status(netns) == "absent":
        module.warn(f"namespace {netns} does not exist yet")
        return predict(name, rules, None)
    with inside(netns):
        return converge(name, rules, module.check_mode)


def main() -> None:
    run(masquerade, argument_spec=ARGUMENT_SPEC, required_if=[("state", "present", ["rules"])])


if __name__ == "__main__":
    main()
