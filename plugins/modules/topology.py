#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: topology
short_description: Make a host's whole container networking as one document says
version_added: 0.1.0
description:
  - Takes namespaces, links, addresses, routes, neighbours and FDB entries of a host together, puts them in order, and
    makes one pass over the kernel.
  - What takes a task for each object otherwise takes one task, however many objects there are.
  - Links take their C(kind) and the options of its module, M(weft.fabric.veth), M(weft.fabric.bridge),
    M(weft.fabric.bond), M(weft.fabric.vlan), M(weft.fabric.vxlan), M(weft.fabric.macvlan), M(weft.fabric.ipvlan),
    M(weft.fabric.dummy), M(weft.fabric.tuntap), M(weft.fabric.ipip). A link without C(kind) has to exist, and gets the
    attributes that are given.
  - Routes take the options of M(weft.fabric.route). Items of C(addresses) have C(dev) and C(address), those of
    C(neighbours) C(dev), C(dst) and C(lladdr), those of C(fdb) C(dev), C(lladdr), C(dst), C(port) and C(vni).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.engine
  - weft.fabric.attributes.action_group
  - weft.fabric.link.state
options:
  namespaces:
    description:
      - What is in each network namespace, by the namespace's name. An empty name is the namespace that the module
        runs in.
      - Each has the lists C(links), C(addresses), C(routes), C(neighbours) and C(fdb), all optional.
      - Or it has C(joins) alone, another namespace, of which its name is then one more. With an empty C(joins) that is
        the namespace that the module runs in.
      - With O(state=present), a namespace that is missing is made, and its loopback interface brought up. A link with
        C(state=absent), which takes nothing but C(name) and C(kind) besides, goes before others are made.
      - A link without C(kind) may have C(origin), with the C(name) and C(netns) that it is taken from. It is renamed,
        brought up, and has the name that it had as its alias. With O(state=absent) it goes back.
      - With O(state=absent), exactly what is listed goes, named namespaces included. Links without C(kind) stay.
      - A bridge with C(shared=true) stays then where it has ports that are not listed, and a warning names them.
    type: dict
    required: true
  purge:
    description:
      - Whether the lists are authoritative, so that what they do not list goes. This is confined to the interfaces
        that the document names.
      - Of routes, those go that this collection made (protocol number 119).
      - Of neighbours and FDB entries, the permanent ones go, on VXLANs and on the devices of the lists.
      - Of addresses, those on links that have a C(kind) and a list C(addresses).
      - Links and namespaces stay.
    type: bool
    default: false
  route_protocol:
    description:
      - Number by which the document's routes are known (C(proto) in C(ip route)), from V(119) to V(127).
      - A document with another number than V(119) owns all routes of that number, whatever interface they are on. With
        O(purge=true) those go that it does not list, and with O(state=absent) all of them do. So documents can share an
        interface.
    type: int
    default: 119
"""

EXAMPLES = r"""
- name: Connect a pod to the host
  weft.fabric.topology:
    namespaces:
      "":
        links:
          - name: br0
            kind: bridge
            addresses: [172.2.0.1/24]
          - name: veth0
            kind: veth
            controller: br0
            peer: {name: vceth0, netns: pod1, addresses: [172.2.0.2/24]}
      pod1:
        routes:
          - {dst: default, via: 172.2.0.1}

- name: Make a VTEP and its peers, and nothing but those
  weft.fabric.topology:
    purge: true
    namespaces:
      "":
        links:
          - name: vxlan0
            kind: vxlan
            vni: 10
            local: 192.168.1.138
            dev: enp1s0
            mtu: 1450
            addresses: [172.2.0.0/32]
        neighbours:
          - {dev: vxlan0, dst: 172.2.1.0, lladdr: "ea:39:22:52:ca:06"}
        fdb:
          - {dev: vxlan0, lladdr: "ea:39:22:52:ca:06", dst: 192.168.2.142}
        routes:
          - {dst: 172.2.1.0/24, via: 172.2.1.0, dev: vxlan0, onlink: true}
"""

RETURN = r"""
namespaces:
  description: Of what the document lists, what the kernel now has, by namespace.
  type: dict
  returned: success
  sample:
    "":
      links: [{name: br0, kind: bridge, admin_state: up, mtu: 1500, addresses: [172.2.0.1/24]}]
      addresses: [{dev: br0, address: 172.2.0.1/24}]
      routes: []
      neighbours: []
      fdb: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import PURGE, STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import apply_document
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.route import ROUTE_PROTOCOL
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology

SPEC = {
    **STATE,
    **PURGE,
    "namespaces": {"type": "dict", "required": True},
    "route_protocol": {"type": "int", "default": ROUTE_PROTOCOL},
}


def body(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    document = parse_topology(
        params["namespaces"], params["state"] == "absent", params["purge"], params["route_protocol"]
    )
    outcome, result = apply_document(module, document)
    found = {netns: facts.wanted(desired, outcome.state[netns]) for netns, desired in document.namespaces.items()}
    return {**result, "namespaces": found}


def main() -> None:
    run(body, argument_spec=SPEC)


if __name__ == "__main__":
    main()
