# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of options that modules share, documented in plugins/doc_fragments."""

from __future__ import annotations

from typing import Any

STATE: dict[str, Any] = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}

NETNS: dict[str, Any] = {"netns": {"type": "str", "aliases": ["namespace"]}}

PURGE: dict[str, Any] = {"purge": {"type": "bool", "default": False}}
