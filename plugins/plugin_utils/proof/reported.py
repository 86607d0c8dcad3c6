# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of a run reported, from their variables in Ansible."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

UNREACHABLE, FAILED = "unreachable", "out of this run, as it failed"

_REGISTERED = ("_planned", "_applied", "_probe", "_state")
"""How the names of variables end in which roles register the results of modules."""


@dataclass(frozen=True)
class Reported:
    """What the hosts of a run reported.

    :ivar results: by host, what weft.fabric.reachability returned for its probes.
    :ivar mtus: by host, the MTU of its underlay interface in bytes. A host that is missing is not held to any.
    :ivar states: by host, ``namespaces`` of weft.fabric.topology_info. A host may be missing.
    :ivar before: by host, ``counters`` of weft.fabric.reachability: packets of interfaces before the probes.
    :ivar obstacles: by host, what weft.fabric.obstacles_info returned after the probes. A host may be missing.
    :ivar protections: by host, the tables of this collection that drop packets there. A host may be missing.
    :ivar missing: by host of the run that has no results, why it has none: UNREACHABLE or FAILED.
    """

    results: Mapping[str, Sequence[Mapping[str, Any]]]
    mtus: Mapping[str, int] = field(default_factory=dict)
    states: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    obstacles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    protections: Mapping[str, Sequence[str]] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def reported(variables: Mapping[str, Mapping[str, Any]], hosts: Iterable[str], lost: Iterable[str]) -> Reported:
    """What the hosts of a run reported.

    :param variables: Ansible's ``hostvars``: by host, its variables.
    :param hosts: those that have probed.
    :param lost: those that became unreachable, or failed before the proof.
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
    found["missing"] = {host: _why(variables[host]) for host in lost}
    return Reported(**found)


def assigned(variables: Mapping[str, Mapping[str, Any]], hosts: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """By host, what the module cni says of its pods, in their order.

    A host reports this when it is changed, when it is planned, or when it is asked.
    """
    found: dict[str, list[Mapping[str, Any]]] = {}
    for host in hosts:
        own = variables[host]
        results = (own[name].get("cni") for name in ("common_applied", "common_planned", "verify_cni") if name in own)
        found[host] = next(filter(None, results), [])
    return found


def _why(own: Mapping[str, Any]) -> str:
    """Why a host has no results."""
    registered = [own[name] for name in own if name.endswith(_REGISTERED)]
    unreachable = any(isinstance(result, Mapping) and result.get("unreachable") for result in registered)
    return UNREACHABLE if unreachable else FAILED
