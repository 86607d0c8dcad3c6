# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MTU: packets as long as the overlay's MTU arrive."""

from __future__ import annotations

import math
from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, answered
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence, hosts
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import UNDERLAY, Pair


def _about(pair: Pair) -> bool:
    return answered(pair) and pair.target.kind != UNDERLAY and pair.result.pmtu is not None


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    overlay = evidence.overlay(pair.target)
    nodes = overlay.nodes
    known = [host for host in (pair.host, pair.target.host) if host in evidence.mtus]
    mtu = min((evidence.mtus[host] - nodes[host].mtu_overhead for host in known), default=0)
    if pair.result.pmtu is None or pair.result.pmtu >= mtu:
        return
    own = {host: _mtu(evidence, host, overlay.device) for host in known}
    lower = [Cause(host, f"{overlay.device} has MTU {size}, not {mtu}") for host, size in own.items() if size < mtu]
    text = f"packets beyond {pair.result.pmtu} bytes do not arrive, the overlay's MTU is {mtu}"
    yield from lower or [Cause(host, text) for host in hosts(pair)]


def _mtu(evidence: Evidence, host: str, device: str) -> float:
    """The MTU of a host's interface in bytes. Infinite: the host was not looked at, or has no such interface."""
    state = evidence.state(host)
    link = state.link(device) if state else None
    return link.get("mtu", math.inf) if link else math.inf


CHECK = Check(
    "MTU",
    about=_about,
    causes=_causes,
    remedy="give switches and routers between the nodes the MTU of the nodes' interfaces, or these a smaller one",
)
