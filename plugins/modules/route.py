#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: route
short_description: Manage routes
version_added: 0.1.0
description:
  - Adds IPv4 and IPv6 routes, changes them in place, and removes them.
  - A route is identified by destination, table, metric and type of service. If several such routes exist, the one that
    leads to the same next hop is meant. In IPv6, each of several next hops is a route of its own.
  - Options that are not given keep their values. This includes attributes without an option, such as realms and
    encapsulation. The protocol number is kept unless the route gets another next hop.
  - New routes have protocol number 119, so that C(ip route show proto 119) lists the routes of this collection.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
  - weft.fabric.link.netns
options:
  routes:
    description: The routes.
    type: list
    elements: dict
    required: true
    suboptions:
      dst:
        description: Destination in CIDR notation, an address, or V(default).
        type: str
        required: true
      via:
        description:
          - Address of the gateway. Required without O(routes[].dev) and O(routes[].nexthops).
          - An IPv4 route may have an IPv6 gateway.
        type: str
      dev:
        description: Name of the interface. Required without O(routes[].via) and O(routes[].nexthops).
        type: str
      onlink:
        description: Whether the gateway counts as reachable on O(routes[].dev), even if no address covers it.
        type: bool
      nexthops:
        description:
          - Several next hops, among which flows are distributed, instead of O(routes[].via) and O(routes[].dev).
        type: list
        elements: dict
        suboptions:
          via:
            description: Address of the gateway.
            type: str
          dev:
            description: Name of the interface.
            type: str
          weight:
            description: Share of the flows, from 1 to 256. The default is 1.
            type: int
          onlink:
            description: Whether the gateway counts as reachable on the interface, even if no address covers it.
            type: bool
      type:
        description:
          - Type of the route. The default, V(unicast), forwards packets. V(local) delivers them to the host itself.
          - V(blackhole) drops packets silently, V(unreachable) and V(prohibit) with an ICMP message. V(throw) continues
            with the next policy rule. These four have no next hop.
        type: str
        choices: [unicast, local, blackhole, unreachable, prohibit, throw]
      src:
        description: The host's own address to send from, unless the sender chooses another one.
        type: str
      metric:
        description:
          - The route with the lowest metric is used. The default is 0 in IPv4, and 1024 in IPv6.
          - With O(state=absent), the default is any metric. If several routes match, the task fails and lists them.
        type: int
      table:
        description:
          - Routing table, by number or as V(main), V(default) or V(local). The default is V(local) for routes of type
            V(local), and V(main) for all others.
        type: str
      tos:
        description:
          - Type of service that the route applies to, a multiple of 4. Only for IPv4. A route without it applies to
            packets that no other route with their type of service matches.
        type: int
      scope:
        description:
          - Scope, as V(global), V(site), V(link), V(host) or a number. Only for IPv4. The default depends on the type
            and the next hop.
        type: str
      protocol:
        description:
          - Mark of who installed the route, by its name in iproute2 or by number from 3 to 255. V(119) by default.
          - O(purge=true) keeps routes with another number.
        type: str
      mtu:
        description: Path MTU in bytes.
        type: int
      mtu_lock:
        description: Whether path MTU discovery is disabled, so that O(routes[].mtu) never decreases.
        type: bool
      advmss:
        description: Maximum segment size that TCP advertises, in bytes.
        type: int
      initcwnd:
        description: Initial congestion window of TCP, in segments.
        type: int
      hoplimit:
        description: TTL or hop limit of sent packets.
        type: int
      pref:
        description: Router preference. Only for IPv6.
        type: str
        choices: [low, medium, high]
  purge:
    description:
      - Whether the list is authoritative. Other routes of this collection in the namespace are removed, from every
        table.
      - This includes routes that other tasks and roles created with this collection. All other routes are kept.
    type: bool
    default: false
  purge_table:
    description: The only table that O(purge=true) removes routes from, by number or as V(main), V(default) or V(local).
    type: str
"""

EXAMPLES = r"""
- name: Reach the other subnet through the router
  weft.fabric.route:
    routes:
      - dst: 192.168.2.0/24
        via: 192.168.1.213
        dev: enp1s0
        src: 192.168.1.138

- name: Reach another node's pods through the overlay
  weft.fabric.route:
    routes:
      - dst: 172.2.1.0/24
        via: 172.2.1.0
        dev: vxlan0
        onlink: true

- name: Distribute flows between two routers, one of which gets twice as many
  weft.fabric.route:
    routes:
      - dst: 10.0.0.0/8
        nexthops:
          - {via: 192.168.1.213, dev: enp1s0, weight: 2}
          - {via: 192.168.2.216, dev: enp2s0}

- name: Drop packets to networks that have no better route
  weft.fabric.route:
    routes:
      - dst: 10.0.0.0/8
        type: blackhole

- name: Remove a route
  weft.fabric.route:
    routes:
      - dst: 172.2.1.0/24
    state: absent
"""

RETURN = r"""
routes:
  description: The listed routes that the kernel now has.
  type: list
  elements: dict
  returned: success
  sample: [{dst: 192.168.2.0/24, via: 192.168.1.213, dev: enp1s0, src: 192.168.1.138}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS, PURGE, STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import entries_body
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.routes import add_routes, table

SPEC = {
    **STATE,
    **NETNS,
    **PURGE,
    "purge_table": {"type": "str"},
    "routes": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "dst": {"type": "str", "required": True},
            "via": {"type": "str"},
            "dev": {"type": "str"},
            "src": {"type": "str"},
            "metric": {"type": "int"},
            "table": {"type": "str"},
            "onlink": {"type": "bool"},
            "nexthops": {
                "type": "list",
                "elements": "dict",
                "options": {
                    "via": {"type": "str"},
                    "dev": {"type": "str"},
                    "weight": {"type": "int"},
                    "onlink": {"type": "bool"},
                },
            },
            "type": {"type": "str", "choices": ["unicast", "local", "blackhole", "unreachable", "prohibit", "throw"]},
            "tos": {"type": "int"},
            "scope": {"type": "str"},
            "protocol": {"type": "str"},
            "mtu": {"type": "int"},
            "mtu_lock": {"type": "bool"},
            "advmss": {"type": "int"},
            "initcwnd": {"type": "int"},
            "hoplimit": {"type": "int"},
            "pref": {"type": "str", "choices": ["low", "medium", "high"]},
        },
    },
}


def add(module: AnsibleModule, document: Document, netns: str) -> None:
    params, desired = module.params, document.at(netns)
    add_routes(desired.routes, params["routes"], "routes", document.absent)
    if params["purge_table"] is not None:
        desired.purge_table = table("purge_table", params["purge_table"])
    if params["purge"] and not document.absent:
        desired.purge_routes.add(None)


def main() -> None:
    run(entries_body("routes", add, "routes"), argument_spec=SPEC)


if __name__ == "__main__":
    main()
