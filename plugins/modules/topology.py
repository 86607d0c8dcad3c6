#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: topology
short_description: Apply a host's whole container networking as one document
version_added: 0.1.0
description:
  - Takes the namespaces, links, addresses, routes, rules, neighbours and FDB entries of a host together, puts them in
    order, and applies them in one pass.
  - This takes one task, however many objects there are.
  - A link has a C(kind), which is the name of a module such as M(weft.fabric.bridge), and the options of that module.
    A link without C(kind) must exist, and gets the given attributes.
  - Routes have the options of M(weft.fabric.route), and rules those of M(weft.fabric.rule). Items of C(addresses) have
    C(dev), C(address) and the options of M(weft.fabric.address). Items of C(neighbours) have C(dev), C(dst) and
    C(lladdr). Items of C(fdb) have C(dev), and the options of the entries of M(weft.fabric.vxlan_fdb). Items of
    C(bridge_fdb) have C(dev), and those of M(weft.fabric.bridge_fdb).
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
      - The content of each network namespace, by the namespace's name. An empty name is the namespace that the module
        runs in. A path, such as C(/proc/4711/ns/net), is that of a namespace which must exist.
      - Each namespace has the lists C(links), C(addresses), C(routes), C(rules), C(neighbours), C(fdb) and
        C(bridge_fdb). All are
        optional.
      - Alternatively it has only C(joins), the name of another namespace. Both names then stand for that namespace. An
        empty C(joins) is the namespace that the module runs in.
      - The C(mtu) of a link may be V(auto), which is as many bytes as the link below leaves it or, with C(mtu_of), as
        that link of the namespace with an empty name has.
      - A link may have a list C(expects) of addresses. The task fails if the link lacks one of them.
      - With O(state=present), a missing namespace is created and its loopback interface brought up. A link with
        C(state=absent) is removed before others are created. Such a link takes only C(name) and C(kind) besides.
      - A link without C(kind) may have an C(origin), the C(name) and C(netns) from which it is taken. The interface is
        renamed and brought up, and gets its previous name as its alias. O(state=absent) returns it.
      - With O(state=absent), exactly the listed objects are removed, including named namespaces. Links without C(kind)
        are kept.
      - A bridge, or another link with ports, with C(shared=true) is then kept if it has ports that are not listed, and
        a warning names them.
    type: dict
    required: true
  purge:
    description:
      - Whether the lists are authoritative. Objects that are not listed are removed, but only on interfaces that the
        document names.
      - Routes are removed from every table if this collection created them (protocol number 119). Routes without an
        interface, such as blackholes, are kept.
      - Rules are removed if this collection created them and the namespace has a list C(rules), which may be empty.
      - Neighbours and FDB entries are removed if they are permanent, on VXLANs and on the devices in the lists.
        Static entries of bridges' ports are removed on the ports in the list.
      - Addresses are removed from links that have a C(kind) and a list C(addresses).
      - Links and namespaces are kept.
    type: bool
    default: false
  route_protocol:
    description:
      - Protocol number of the document's routes and rules (C(proto) in C(ip route)), from V(119) to V(127).
      - A document with a number other than V(119) owns all routes and rules with this number, on any interface.
        O(purge=true) removes those that are not listed, and O(state=absent) removes all. In this way several documents
        can share an interface.
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

- name: Create a VTEP with exactly these peers
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
  description: The listed objects as the kernel reports them afterwards, by namespace.
  type: dict
  returned: success
  sample:
    "":
      links: [{name: br0, kind: bridge, admin_state: up, mtu: 1500, addresses: [172.2.0.1/24]}]
      addresses: [{dev: br0, address: 172.2.0.1/24}]
      routes: []
      rules: []
      neighbours: []
      fdb: []
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils.argspec import PURGE, STATE
from ansible_collections.weft.fabric.plugins.module_utils.bodies import apply_document
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL

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
    found = {
        netns: facts.wanted(desired, outcome.state[netns]) for netns, desired in outcome.document.namespaces.items()
    }
    return {**result, "namespaces": found}


def main() -> None:
    run(body, argument_spec=SPEC)


if __name__ == "__main__":
    main()
