# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pods' routes: pods have a default route through their node."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.proof import evidence as found
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    family = values.family(pair.target.address)
    for host, name in found.pods(pair):
        state = evidence.state(host, name)
        for gateway in evidence.overlay(pair.target).nodes[host].gateways:
            version = ipaddress.ip_address(gateway).version
            default = {"dst": values.EVERYTHING[version], "via": gateway}
            if values.family(gateway) == family and state and not state.has("routes", default):
                yield Cause(host, "pods lack their default route", f"{name} via {gateway}")


CHECK = Check(
    "route",
    about=silent,
    causes=_causes,
    remedy="run weft.fabric.site with the tag pods on the host, which adds the route again",
)
