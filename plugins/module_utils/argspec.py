# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Groups of options that modules share, documented in plugins/doc_fragments."""

from __future__ import annotations

from typing import Any

STATE: dict[str, Any] = {"state": {"type": "str", "choices": ["present", "absent"], "default": "present"}}

NETNS: dict[str, Any] = {"netns": {"type": "str", "aliases": ["namespace"]}}

PORT: dict[str, Any] = {
    "mtu": {"type": "int"},
    "mac_address": {"type": "str"},
    "promisc": {"type": "bool"},
    "controller": {"type": "str", "aliases": ["master"]},
    "hairpin": {"type": "bool"},
    "pvid": {"type": "int"},
    "addresses": {"type": "list", "elements": "str"},
    "admin_state": {"type": "str", "choices": ["up", "down"], "default": "up"},
}

LINK: dict[str, Any] = {
    **STATE,
    **NETNS,
    **PORT,
    "name": {"type": "str", "required": True},
    "purge_addresses": {"type": "bool", "default": False},
    "recreate": {"type": "bool", "default": False},
}

PORTS: dict[str, Any] = {
    "ports": {"type": "list", "elements": "str"},
    "purge_ports": {"type": "bool", "default": False},
}

PARENT: dict[str, Any] = {
    "mtu": {"type": "str"},
    "parent": {"type": "str"},
    "parent_netns": {"type": "str"},
}

PURGE: dict[str, Any] = {"purge": {"type": "bool", "default": False}}
