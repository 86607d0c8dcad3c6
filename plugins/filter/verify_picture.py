# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: verify_picture
short_description: Draw the results from node to node
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - Draws a heat map of the round trip times between nodes. Failed pairs have a colour of their own.
positional: _input
options:
  _input:
    description: The C(matrix) of P(weft.fabric.verify_report#filter), as JSON text or as a structure.
    type: raw
    required: true
"""

EXAMPLES = r"""
- name: Draw two nodes
  ansible.builtin.copy:
    content: "{{ matrix | weft.fabric.verify_picture }}"
    dest: /tmp/matrix.svg
    mode: "0644"
  vars:
    matrix: {nodes: [network-1, network-2], cells: [[0.041, 0.131], ["FAILED: FDB", 0.045]]}
"""

RETURN = r"""
_value:
  description: The picture as SVG.
  type: str
  sample: <svg xmlns="http://www.w3.org/2000/svg" width="760" height="180"></svg>
"""


def verify_picture(matrix):
    # Imported here for the reason in docs/design.md, "In a worker".
    from ansible_collections.weft.fabric.plugins.plugin_utils import report
    from ansible_collections.weft.fabric.plugins.plugin_utils.text import loaded

    return report.picture(loaded(matrix))


class FilterModule:
    def filters(self):
        return {"verify_picture": verify_picture}
