#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: rule
short_description: Manage policy routing rules
version_added: 0.1.0
description:
  - Adds and removes IPv4 and IPv6 rules, which determine the routing table of each packet (C(ip rule)).
  - A rule is identified by its priority and the packets that it applies to. With another table or action, the rule is
    replaced. The new rule exists before the old one is removed.
  - Rules have protocol number 119. C(ip -details rule) shows this number, and O(purge=true) removes no other rules.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
  - weft.fabric.link.netns
options:
  rules:
    description:
      - The rules. A packet has to match all given options of a rule.
      - With O(state=absent), the options have to identify a single rule. None is required.
    type: list
    elements: dict
    required: true
    suboptions:
      priority:
        description: Position of the rule. Rules are evaluated in ascending order. Required with O(state=present).
        type: int
      family:
        description: IP version. By default that of O(rules[].from) or O(rules[].to), and V(ipv4) without both.
        type: str
        choices: [ipv4, ipv6]
      from:
        description: Source network in CIDR notation, or a source address.
        type: str
      to:
        description: Destination network in CIDR notation, or a destination address.
        type: str
      iif:
        description: Interface that receives the packet. V(lo) stands for packets of the host itself.
        type: str
      oif:
        description: Interface that the sending socket is bound to.
        type: str
      fwmark:
        description: Mark of the packet, as set by a firewall or a socket. Decimal, or hexadecimal like V(0x10).
        type: str
      fwmask:
        description: Bits of the mark that are compared. All 32 by default.
        type: str
      tos:
        description: Type of service, a multiple of 4. At most 28 for IPv4.
        type: int
      ipproto:
        description: IP protocol, V(tcp), V(udp), V(icmp), V(icmpv6), V(sctp) or a number.
        type: str
      sport:
        description: Source port, or a range like V(1000-2000). Without O(rules[].ipproto), of any protocol.
        type: str
      dport:
        description: Destination port, or a range like V(1000-2000). Without O(rules[].ipproto), of any protocol.
        type: str
      uidrange:
        description: Number of the user whose process sends the packet, or a range like V(1000-2000).
        type: str
      l3mdev:
        description: Whether the packet is routed by the table of the VRF that it belongs to.
        type: bool
      action:
        description: What happens to the packet. The default, V(lookup), searches O(rules[].table) for a route.
        type: str
        choices: [lookup, blackhole, unreachable, prohibit]
      table:
        description: Routing table, by number or as V(main), V(default) or V(local).
        type: str
      suppress_prefixlength:
        description:
          - Routes with prefixes of this length or shorter are ignored, and the next rule is evaluated. V(0) ignores
            default routes.
        type: int
  purge:
    description:
      - Whether the list is authoritative. Other rules of this collection in the namespace are removed.
      - This includes rules that other tasks created with this collection. All other rules are kept.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Route packets of one network by a table of their own
  weft.fabric.rule:
    rules:
      - priority: 100
        from: 172.2.0.0/24
        table: 100

- name: Route marked packets around the VPN
  weft.fabric.rule:
    rules:
      - priority: 200
        fwmark: "0x10"
        fwmask: "0xff"
        table: main
      - priority: 200
        family: ipv6
        fwmark: "0x10"
        fwmask: "0xff"
        table: main

- name: Remove a rule
  weft.fabric.rule:
    rules:
      - priority: 100
    state: absent
"""

RETURN = r"""
rules:
  description: The listed rules that the kernel now has.
  type: list
  elements: dict
  returned: success
  sample: [{priority: 100, from: 172.2.0.0/24, table: "100"}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS, PURGE, STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import entries_body
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.rule import add_rules

SPEC = {
    **STATE,
    **NETNS,
    **PURGE,
    "rules": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "priority": {"type": "int"},
            "family": {"type": "str", "choices": ["ipv4", "ipv6"]},
            "from": {"type": "str"},
            "to": {"type": "str"},
            "iif": {"type": "str"},
            "oif": {"type": "str"},
            "fwmark": {"type": "str"},
            "fwmask": {"type": "str"},
            "tos": {"type": "int"},
            "ipproto": {"type": "str"},
            "sport": {"type": "str"},
            "dport": {"type": "str"},
            "uidrange": {"type": "str"},
            "l3mdev": {"type": "bool"},
            "action": {"type": "str", "choices": ["lookup", "blackhole", "unreachable", "prohibit"]},
            "table": {"type": "str"},
            "suppress_prefixlength": {"type": "int"},
        },
    },
}


def add(module: AnsibleModule, document: Document, netns: str) -> None:
    desired = document.at(netns)
    add_rules(desired.rules, module.params["rules"], "rules", document.absent)
    desired.purge_rules = module.params["purge"] and not document.absent


def main() -> None:
    run(entries_body("rules", add, "rules"), argument_spec=SPEC)


if __name__ == "__main__":
    main()
