# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verify_report
short_description: Turn probes into a table, and name the layers that fail
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Turns the results of M(weft.fabric.reachability) from all hosts, for the targets of
    P(weft.fabric.verify_targets#filter), into one table, and names the layer of each failed pair. The layers are
    C(underlay), C(link), C(FDB), C(neighbour), C(route), C(forwarding), C(MTU), C(HTTP), C(NAT), C(isolation), and
    C(pod) for a pair outside of the overlays.
positional: _input, overlays, pods
options:
  _input:
    description: By host, the RV(weft.fabric.reachability#module:results) of its probes.
    type: dict
    required: true
  overlays:
    description: The result of P(weft.fabric.overlay_plans#filter), also as JSON text.
    type: raw
    required: true
  pods:
    description:
      - Each node's list of pods, by the node's name, as for P(weft.fabric.verify_targets#filter).
      - JSON text is accepted as well.
    type: raw
    required: true
  mtus:
    description: By host, the MTU of its underlay interface in bytes. The MTU of a missing host is not checked.
    type: dict
    default: {}
  states:
    description: By host, the C(namespaces) that M(weft.fabric.topology_info) returned. A host may be missing.
    type: dict
    default: {}
  networks:
    description:
      - Each node's C(pods_network), by the node's name. The default is the driver C(bridge).
      - JSON text is accepted as well.
    type: raw
    default: {}
  scope:
    description: The nodes that each node probed, as for P(weft.fabric.verify_targets#filter).
    type: str
    choices: [auto, sample, all]
    default: all
"""

EXAMPLES = r"""
- name: Show the results
  ansible.builtin.debug:
    msg: "{{ (results | weft.fabric.verify_report(overlay_plans, {})).lines }}"
  vars:
    results: "{{ dict(hosts | zip(hosts | map('extract', hostvars, ['probes', 'results']))) }}"
    hosts: "{{ ansible_play_hosts }}"
"""

RETURN = r"""
_value:
  description:
    - C(lines) of the table. For more than 200 pairs, it contains only the failed and the slowest pairs, and
      percentiles.
    - C(failures), each a line that names the pair, the layer and the cause, and C(suspects), the nodes at the ends of
      failed pairs.
    - C(matrix) for P(weft.fabric.verify_picture#filter), as JSON text. It has C(nodes), in the order of their numbers,
      and C(cells). The cell for a probing node and a probed node is the longest mean round trip time of all pairs
      between the two in milliseconds, or the failure, or null if nothing was probed.
  type: dict
  sample:
    lines:
      - "from            to                         rtt ms  ttl  pmtu  http  source seen  result"
      - "network-1/pod1  network-2/pod2 172.2.1.2    0.131   62  1450   200  172.2.0.2    ok"
      - "1 of 1 pairs hold, 0 fail"
    failures: []
    suspects: []
    matrix: '{"nodes": ["network-1", "network-2"], "cells": [[0.041, 0.131], [0.128, 0.045]]}'
"""

import json


def verify_report(results, overlays, pods, mtus=None, states=None, networks=None, scope="all"):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import report
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    networks = loaded(networks or {})
    found = report.report(results, loaded(overlays), loaded(pods), mtus or {}, states or {}, networks, scope)
    return {**found, "matrix": json.dumps(found["matrix"])}


class FilterModule:
    def filters(self):
        return {"verify_report": verify_report}
