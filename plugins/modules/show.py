#!/usr/bin/python
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: show
short_description: Print lines of text
version_added: 0.1.0
description:
  - Prints lines on the controller's terminal as they are. M(ansible.builtin.debug) would print a list in JSON, with
    quotation marks and commas.
  - It runs on the controller alone, and does not contact the host.
author:
  - The weft.fabric authors (@weft-fabric)
extends_documentation_fragment:
  - weft.fabric.attributes
  - weft.fabric.attributes.action_group
options:
  lines:
    description: The lines.
    type: list
    elements: str
    required: true
attributes:
  check_mode:
    support: full
    description: Prints in check mode as well.
  diff_mode:
    support: none
    description: There is no diff, because the module changes nothing.
"""

EXAMPLES = r"""
- name: Show what was measured
  weft.fabric.show:
    lines:
      - "host       rtt ms"
      - "network-2   0.048"
  run_once: true
"""

RETURN = r"""#"""
