# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arguments of a kind's module, from the kind's record. Each parameter is documented in the module."""

from __future__ import annotations

from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.argspec import NETNS, STATE
from ansible_collections.weft.fabric.plugins.module_utils.kinds import PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.attributes import ATTRIBUTES

NAME: dict[str, Any] = {"name": {"type": "str", "required": True}}
LINK: dict[str, Any] = {
    **{name: dict(option.spec) for name, option in {**ATTRIBUTES, **PORT_OPTIONS}.items() if option.spec is not None},
    "addresses": {"type": "list", "elements": "raw"},
}
PORTS: dict[str, Any] = {
    "ports": {"type": "list", "elements": "str"},
    "purge_ports": {"type": "bool", "default": False},
}


def arguments(name: str) -> dict[str, Any]:
    """AnsibleModule's keyword arguments for the module of a kind."""
    kind = kind_of(name)
    spec = {
        **STATE,
        **NETNS,
        **NAME,
        **LINK,
        "purge_addresses": {"type": "bool", "default": False},
        "recreate": {"type": "bool", "default": False},
        **(PORTS if kind.ports else {}),
    }
    if kind.parent:
        spec["mtu"] = {"type": "str"}  # a number, or what the parent leaves
    if kind.peer:
        spec["peer"] = {"type": "dict", "options": {**NAME, **NETNS, **LINK}}
    spec.update({name: dict(option.spec) for name, option in kind.options.items() if option.spec is not None})
    return {
        "argument_spec": spec,
        "required_if": [
            *([("state", "present", list(kind.required))] if kind.required else []),
            *([("state", "present", list(kind.either), True)] if kind.either else []),
        ],
        "mutually_exclusive": list(kind.exclusive),
    }
