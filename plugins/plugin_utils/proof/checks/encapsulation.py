# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encapsulation: nodes receive each other's VXLAN packets, which are UDP. Pings in the underlay are not."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import Overlay
from ansible_collections.weft.fabric.plugins.plugin_utils.proof import evidence as found
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.target import Pair


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    overlay = evidence.overlay(pair.target)
    if not all(host in evidence.obstacles for host in found.hosts(pair)):
        return
    ways = [(near, far) for near, far in found.both_ways(pair) if overlay.entries(near, far).fdb]
    counted = [cause for near, far in ways for cause in _counted(evidence, overlay, near, far)]
    if not counted and any((near, far, overlay.name) in evidence.mute for near, far in ways):
        # Each node hears others. The node that most pairs have in common is the one that does not hear all of them.
        counted = [_deaf(evidence, overlay, host) for host in found.hosts(pair)]
    yield from counted


def _deaf(evidence: Evidence, overlay: Overlay, host: str) -> Cause:
    return Cause(host, f"UDP {overlay.port} does not arrive", _chains(evidence, overlay, host, ("input", "prerouting")))


def _counted(evidence: Evidence, overlay: Overlay, near: str, far: str) -> Iterator[Cause]:
    """What the counters of a sender and a receiver say."""
    sender, receiver = evidence.obstacles[near], evidence.obstacles[far]
    sent, received = (side.counters.get(overlay.device) for side in (sender, receiver))
    if sent and sent["dropped"] and not sent["sent"]:
        text = f"UDP {overlay.port} is not sent"
        yield Cause(near, text, _chains(evidence, overlay, near, ("output", "postrouting")))
    elif sent and sent["sent"] and received and not received["received"]:
        yield _deaf(evidence, overlay, far)


def _chains(evidence: Evidence, overlay: Overlay, host: str, hooks: tuple[str, str]) -> str:
    """The chains of a host that drop packets of the underlay."""
    chains = evidence.obstacles[host].dropping(hooks, overlay.nodes[host].underlay)
    return "; ".join(f"{chain}, drops" for chain in chains)


CHECK = Check(
    "encapsulation",
    about=silent,
    causes=_causes,
    remedy="accept this UDP port from the other nodes in the host's firewall, and in firewalls between the nodes",
)
