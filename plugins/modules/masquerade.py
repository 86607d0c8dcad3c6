#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: masquerade
short_description: Masquerade traffic, in an nftables table of its own
version_added: 0.1.0
description:
  - Replaces the source address of packets from a given network by the address of the interface through which they
    leave. Packets to exempt destinations keep their source address.
  - The rules are in an nftables table of family C(inet) that belongs to this module alone. The table is compared as a
    whole and, if it differs, replaced in one transaction, so that no packet meets half a table. Rules that others added
    to this table are removed. Other tables are never touched, and a table that has content but no chain of this module
    is refused.
  - Existing connections keep the translation that the kernel's connection tracking holds.
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
  - In check mode, a missing namespace causes a warning instead of an error, because an earlier task may be about to
    create it.
options:
  state:
    description:
      - With V(present), the table contains exactly O(rules).
      - V(absent) removes the table.
    type: str
    choices: [present, absent]
    default: present
  rules:
    description:
      - The rules, in the order in which the kernel tries them.
      - Required, and not empty, with O(state=present).
    type: list
    elements: dict
    suboptions:
      source:
        description: The network whose packets are masqueraded, IPv4 or IPv6, such as V(172.2.0.0/24).
        type: str
        required: true
      out_interface:
        description:
          - Masquerade only packets that leave through this interface. It does not have to exist yet.
          - Its own name, because nftables does not know alternative ones.
          - A trailing C(*) makes it a prefix of names, as in nft. V(eth*) stands for V(eth0) and V(eth1).
          - By default packets are masqueraded on every interface.
        type: str
      exempt:
        description:
          - Destination networks to which the rule does not apply, of the same address family as O(rules[].source).
            Listing the whole overlay here lets pods see each other's own addresses.
        type: list
        elements: str
        default: []
  table:
    description: Name of the table. Two uses on one host, such as the router's and its pods', need two tables.
    type: str
    default: weft
attributes:
  diff_mode:
    support: full
    description: Returns the table before and after, one line for each rule, in the syntax of nft.
"""

EXAMPLES = r"""
- name: Masquerade both subnets on the router
  weft.fabric.masquerade:
    rules:
      - source: 192.168.1.0/24
        out_interface: enp2s0
      - source: 192.168.2.0/24
        out_interface: enp1s0

- name: Masquerade pods, but not from each other
  weft.fabric.masquerade:
    table: weft_pods
    rules:
      - source: 10.244.1.0/24
        exempt:
          - 10.244.0.0/16
      - source: fd00:10:244:1::/64
        exempt:
          - fd00:10:244::/48

- name: Remove the pods' table
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
    - The rules that the kernel now has or, in check mode, would have.
    - They have the format of O(rules).
  returned: success
  type: list
  elements: dict
  contains:
    source:
      description: The network whose packets are masqueraded.
      type: str
      sample: 10.244.1.0/24
    out_interface:
      description: The interface through which the packets leave; null for any interface.
      type: str
      sample: eth0
    exempt:
      description: The exempt destinations, sorted, with overlapping and adjacent networks merged.
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
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import TABLE, masquerade_of, table_name
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
    "table": {"type": "str", "default": TABLE},
}


def masquerade(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    name = table_name("table", params["table"])
    rules = masquerade_of(params["rules"]) if params["state"] == "present" else None
    netns = values.namespace("netns", params["netns"]) if params["netns"] else ""
    if module.check_mode and netns_status(netns, named=False) == "absent":
        module.warn(f"namespace {netns} does not exist yet")
        return predict(name, rules, None)
    with inside(netns):
        return converge(name, rules, module.check_mode)


def main() -> None:
    run(masquerade, argument_spec=ARGUMENT_SPEC, required_if=[("state", "present", ["rules"])])


if __name__ == "__main__":
    main()
