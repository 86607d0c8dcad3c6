# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a run reported, from their variables in Ansible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Reported

UNREACHABLE, FAILED = "unreachable", "out of this run, as it failed"

_REGISTERED = ("_planned", "_applied", "_probe", "_state")
"""How the names of variables end in which roles register the results of modules."""

_WITH_ADDRESSES = ("common_applied", "common_planned", "common_assigned")
"""Variables with the addresses that a host has given to pods, the newest first."""


def reported(variables: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> Reported:
    """What the hosts of a run reported.

    :param variables: Ansible's ``hostvars``: by host, its variables.
    :param hosts: those that have probed.
    """
    found: dict[str, dict[str, Any]] = {name: {} for name in Reported.__dataclass_fields__}
    for host in hosts:
        own = variables[host]
        probe = own["verify_probe"]
        found["results"][host] = probe["results"]
        found["before"][host] = probe.get("counters", {})
        if "protections" in probe:
            found["protections"][host] = probe["protections"]
        dev = own["overlay_node"]["dev"]
        if dev in probe.get("mtus", {}):
            found["mtus"][host] = probe["mtus"][dev]
        found["states"][host] = (own.get("verify_state") or {}).get("namespaces") or {}
        obstacles = own.get("verify_obstacles") or {}
        if "chains" in obstacles:
            found["obstacles"][host] = obstacles
    return Reported(**found)


def missing(variables: Mapping[str, Mapping[str, Any]], lost: Iterable[str]) -> dict[str, str]:
    """By host of a run that has no results, why it has none: UNREACHABLE or FAILED.

    :param lost: hosts that became unreachable, or failed before the proof.
    """
    return {host: _why(variables[host]) for host in lost}


def assigned(variables: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """By host, what the module cni says of its pods, in their order.

    A host reports this when it is changed, when it is planned, or when it is asked.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for host in hosts:
        own = variables[host]
        results = (own[name].get("cni") for name in _WITH_ADDRESSES if name in own)
        found[host] = next(filter(None, results), [])
    return found


def _why(own: Mapping[str, Any]) -> str:
    """Why a host has no results."""
    registered = [own[name] for name in own if name.endswith(_REGISTERED)]
    unreachable = any(isinstance(result, Mapping) and result.get("unreachable") for result in registered)
    return UNREACHABLE if unreachable else FAILED
