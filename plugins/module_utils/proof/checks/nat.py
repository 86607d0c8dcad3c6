# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NAT: the echo server sees the address that the probe was sent from."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, answered
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence, hosts
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    if pair.result.seen and pair.result.seen != pair.result.source:
        detail = f"sent from {pair.result.source}, but the server saw {pair.result.seen}"
        translators = [host for host in hosts(pair) if pair.result.seen in _addresses(evidence, host)]
        for host in translators or hosts(pair):
            yield Cause(host, "source addresses are translated", detail)


def _addresses(evidence: Evidence, host: str) -> set[str]:
    """The addresses that a node translates to when it masquerades."""
    nodes = [overlay.nodes[host] for overlay in evidence.overlays.values()]
    own = [address for node in nodes for address in (*node.vteps, *node.gateways)]
    return {*own, *(node.underlay for node in nodes)}


CHECK = Check(
    "NAT",
    about=answered,
    causes=_causes,
    remedy="exempt the overlay's networks from the host's masquerading rules (nft list ruleset)",
)
