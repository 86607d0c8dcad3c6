# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: bandwidth_report
short_description: Turn measurements of iperf3 and echo requests into a table and a page with charts
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Turns the measurements that P(weft.fabric.bandwidth_plan#filter) lists into a table and an HTML page with bar
    charts. The page works offline. All figures are medians, next to their ratio to the underlay between the same nodes.
positional: _input, pairs
options:
  _input:
    description:
      - The measurements. Each has C(pair), the pair's name, C(round), C(runs), a list of the run (with C(protocol) and
        C(direction)) and the output of C(iperf3 --json) for each run, and C(latency), an entry of
        RV(weft.fabric.reachability#module:results).
    type: list
    elements: dict
    required: true
  pairs:
    description: The C(pairs) of P(weft.fabric.bandwidth_plan#filter).
    type: list
    elements: dict
    required: true
  protocols:
    description: The protocols that were measured, C(tcp) and C(udp).
    type: list
    elements: str
    required: true
  about:
    description: A sentence on how the figures were measured.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Show the comparison
  ansible.builtin.debug:
    msg: "{{ (results | weft.fabric.bandwidth_report(plan.pairs, ['tcp'], 'On an idle machine.')).lines }}"
"""

RETURN = r"""
_value:
  description: C(lines) of the table, C(failures), one line each, and C(page), the HTML.
  type: dict
  sample:
    lines:
      - "pair      from            to              TCP Gbit/s there  back  ratio  rtt ms  ratio"
      - "underlay  network-1       network-2                   12.1  11.8   1.00    0.05   1.00"
      - "vxlan     network-1/pod1  network-2/pod2              6.05   5.9   0.50   0.081   1.62"
    failures: []
    page: <!DOCTYPE html>
"""


def bandwidth_report(results, pairs, protocols, about):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import bandwidth

    return bandwidth.report(results, pairs, protocols, about)


class FilterModule:
    def filters(self):
        return {"bandwidth_report": bandwidth_report}
