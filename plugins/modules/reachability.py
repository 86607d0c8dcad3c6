#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: reachability
short_description: Probe many addresses at once with ICMP, TCP and HTTP
version_added: 0.1.0
description:
  - Sends ICMP echo requests to all targets at once, measures the path MTU to those that answer, and connects by TCP and
    asks by HTTP where a target says so.
  - It observes and changes nothing. It does not fail when a target cannot be reached, which RV(reachable) and
    RV(results[].error) say; whoever asked decides what that means. It fails on bad input, when O(netns) is missing, and
    without the privilege to send ICMP (root).
  - The requests to one target are 0.05 seconds apart, so that a run takes about O(count) times 0.05 seconds, the path
    MTU of a path without black holes included, however many targets there are. Targets that do not answer add
    O(timeout).
  - The path MTU is measured with the "don't fragment" bit, from the MTU of the interface downwards, to the size that
    routers report (ICMP "fragmentation needed" or "packet too big"). Where packets vanish and no router says why, it is
    searched for, and RV(results[].pmtu_black_hole) is true.
  - The HTTP request is a GET of some 3,000 bytes, because a path on which small packets pass may still lose full ones.
  - So that RV(results[].http.source) is known, the server answers with a JSON object that has the address of the client
    as it saw it under the key C(client), as the echo server of the role C(weft.fabric.pods) does, for example
    C({"header":{"Host":"172.2.1.2:8000"},"body":"Echo response","client":"172.2.0.2"}).
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
requirements:
  - Python 3.9 or newer on the host
  - CAP_NET_RAW and CAP_NET_ADMIN (root) on the host, CAP_SYS_ADMIN for O(netns)
options:
  targets:
    description: What is probed.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: What the result is called, unlike any other target's name in the same namespace.
        type: str
        required: true
      address:
        description: IPv4 or IPv6 address. Names are not resolved.
        type: str
        required: true
      port:
        description: TCP port to connect to.
        type: int
      url:
        description: URL to GET, with the scheme C(http) and O(targets[].address) as its host.
        type: str
      netns:
        description:
          - Network namespace from which this target is probed, O(netns) by default, so that one task covers a host and
            all its pods.
          - If it is missing, that is this target's RV(results[].error).
        type: str
        aliases: [namespace]
  netns:
    description:
      - Network namespace on the host from which targets are probed that have no O(targets[].netns).
      - The one that the module runs in by default.
    type: str
    aliases: [namespace]
  count:
    description: Number of echo requests to each target, from 1 to 1000.
    type: int
    default: 3
  pmtu:
    description: Whether to measure the path MTU to the targets that answer.
    type: bool
    default: true
  timeout:
    description:
      - Seconds to wait for the reply to the last echo request, and for each TCP connection and HTTP exchange, from 0.1
        to 60.
      - The kernel takes about three seconds to find that a neighbour does not answer. With less than that, a
        target behind such a neighbour is reported as a timeout.
    type: float
    default: 4
attributes:
  check_mode:
    support: full
    description: Probes in check mode as well, since it changes nothing.
  diff_mode:
    support: none
    description: There is nothing to show, since it changes nothing.
"""

EXAMPLES = r"""
- name: Can the other pod be reached from this one, by every layer?
  weft.fabric.reachability:
    netns: pod1
    targets:
      - name: pod2
        address: 172.2.1.2
        port: 8000
        url: http://172.2.1.2:8000/echo
  register: overlay

- name: No address was translated on the way
  ansible.builtin.assert:
    that:
      - overlay.reachable
      - overlay.results[0].http.source == overlay.results[0].source
      - overlay.results[0].pmtu == 1450

- name: One quick echo request to each neighbour
  weft.fabric.reachability:
    targets:
      - {name: router, address: 192.168.1.213}
      - {name: router6, address: "2001:db8:1::213"}
    count: 1
    pmtu: false
    timeout: 0.5
"""

RETURN = r"""
reachable:
  description: Whether every target answered on every layer that was asked for.
  returned: success
  type: bool
  sample: true
results:
  description: A result for each target, in their order.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: The target's name.
      type: str
      sample: pod2
    address:
      description: The address that was probed.
      type: str
      sample: 172.2.1.2
    netns:
      description: The target's own namespace, empty if it has none.
      type: str
      sample: pod1
    source:
      description: The local address that the kernel chose for it; null without a route.
      type: str
      sample: 172.2.0.2
    reachable:
      description: Whether there was an echo reply, and TCP and HTTP succeeded where they were asked for.
      type: bool
      sample: true
    error:
      description:
        - The first layer that failed, in words, null if none did.
        - It begins with C(namespace), C(no route), C(neighbour unresolved), C(icmp), C(tcp) or C(http). An ICMP error
          names its sender.
      type: str
      sample: "icmp: communication administratively prohibited from 192.168.1.213"
    sent:
      description: Number of echo requests; 0 without a route.
      type: int
      sample: 3
    received:
      description: Number of echo replies.
      type: int
      sample: 3
    loss:
      description: Echo requests without a reply, in percent.
      type: float
      sample: 0.0
    rtt:
      description: Round trip times in milliseconds, null without a reply.
      type: dict
      contains:
        min:
          description: The shortest.
          type: float
          sample: 0.071
        avg:
          description: The arithmetic mean.
          type: float
          sample: 0.093
        max:
          description: The longest.
          type: float
          sample: 0.128
    ttl:
      description: Time to live (hop limit in IPv6) of the last reply on arrival; null without a reply.
      type: int
      sample: 62
    pmtu:
      description:
        - The largest packet that reached the target unfragmented, in bytes with its IP header, at most 65535.
        - Null if it was not asked for, or there was no echo reply.
      type: int
      sample: 1450
    pmtu_black_hole:
      description: Whether larger packets vanished without an ICMP error; null where RV(results[].pmtu) is.
      type: bool
      sample: false
    tcp:
      description: V(open), V(refused), V(timeout) or V(unreachable); null if no port was given, or there is no route.
      type: str
      sample: open
    http:
      description: What the server answered; null if no URL was given, or there is no route.
      type: dict
      contains:
        status:
          description: HTTP status, null without an answer. From 400 on it is an error.
          type: int
          sample: 200
        source:
          description: The client's address as the server saw it, null if it does not say.
          type: str
          sample: 172.2.0.2
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.module import run
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netns import inside
from ansible_collections.weft.fabric.plugins.module_utils.probe.prober import Prober
from ansible_collections.weft.fabric.plugins.module_utils.targets_of import targets_of, timeout_of

ARGUMENT_SPEC = {
    "targets": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "address": {"type": "str", "required": True},
            "port": {"type": "int"},
            "url": {"type": "str"},
            **NETNS,
        },
    },
    **NETNS,
    "count": {"type": "int", "default": 3},
    "pmtu": {"type": "bool", "default": True},
    "timeout": {"type": "float", "default": 4},
}


def reachability(module: AnsibleModule) -> dict[str, Any]:
    params = module.params
    netns = values.netns("netns", params["netns"]) if params["netns"] else ""
    targets = targets_of(params["targets"])
    count = values.integer("count", params["count"], 1, 1000)
    timeout = timeout_of("timeout", params["timeout"])
    with inside(netns):
        results = Prober(targets, count, params["pmtu"], timeout).run()
    # Ansible would return all parameters, for the controller to keep: each target is in its result.
    given = {**params, "targets": [target["name"] for target in params["targets"]]}
    return {
        "changed": False,
        "reachable": all(result["reachable"] for result in results),
        "results": results,
        "invocation": {"module_args": given},
    }


def main() -> None:
    run(reachability, argument_spec=ARGUMENT_SPEC)


if __name__ == "__main__":
    main()
