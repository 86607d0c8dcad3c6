# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The targets of a host: those of all checks, in the order of the checks."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks import CHECKS
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.scope import SCOPES, peers
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.target import Neighbourhood, Target


def neighbourhood(host: str, fabric: Fabric, scope: str) -> Neighbourhood:
    """A host and the nodes that it probes.

    :param scope: one of SCOPES.
    :raises InvalidParameter: it is none, or one of the nodes' pods has a fault.
    """
    names = peers(host, list(fabric.nodes), values.choice("verify_scope", scope, SCOPES))
    return Neighbourhood(fabric, host, {name: fabric.ends(name) for name in names})


def targets(around: Neighbourhood) -> list[Target]:
    """The targets of a host. A pod is held to the address families that it has."""
    return [target for check in CHECKS for target in check.targets(around)]


def probes(host: str, fabric: Fabric, port: int, scope: str) -> list[dict[str, Any]]:
    """The targets of a host as weft.fabric.reachability takes them.

    :param port: TCP port of the pods' echo servers.
    :param scope: one of SCOPES.
    :raises InvalidParameter: as neighbourhood() does.
    """
    found = targets(neighbourhood(host, fabric, scope))
    times = Counter((target.netns, target.name) for target in found)
    return [_probe(target, port, times[target.netns, target.name] > 1) for target in found]


def _probe(target: Target, port: int, ambiguous: bool) -> dict[str, Any]:
    # Names of probes are unique. The table shows the address anyway.
    probe: dict[str, Any] = {
        "name": f"{target.name} {target.address}" if ambiguous else target.name,
        "address": target.address,
    }
    if target.netns:
        probe["netns"] = target.netns
    if target.pod and target.answers:
        address = f"[{target.address}]" if ":" in target.address else target.address
        probe["url"] = f"http://{address}:{port}/echo"
    elif target.pod:
        probe["port"] = port
    return probe
