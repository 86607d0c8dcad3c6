# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Encapsulation: nodes receive each other's VXLAN packets, which are UDP. Pings in the underlay are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ansible_collections.weft.fabric.plugins.module_utils.proof import evidence as found
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, silent
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.planned import Overlay
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair


def _causes(evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    overlay = evidence.overlay(pair.target)
    ways = [(near, far) for near, far in found.both_ways(pair) if overlay.entries(near, far)["fdb"]]
    causes = [cause for near, far in ways for cause in _counted(evidence, overlay, near, far)]
    if not causes and any((near, far, overlay.name) in evidence.mute for near, far in ways):
        causes = [_deaf(evidence, overlay, host) for host in _suspects(evidence, overlay, pair)]
    yield from causes


def _suspects(evidence: Evidence, overlay: Overlay, pair: Pair) -> Iterable[str]:
    """The hosts of a pair that may be the ones that do not hear."""
    seen = [host for host in found.hosts(pair) if host in evidence.obstacles]
    if len(seen) == 2:
        # Each node hears others. The node that most pairs have in common is the one that does not hear all of them.
        return seen
    if not seen or not _hears_nobody(evidence, overlay, seen[0]):
        return ()
    # Without a chain that drops, it may as well be the node that was not looked at.
    return seen if _deaf(evidence, overlay, seen[0]).detail else found.hosts(pair)


def _deaf(evidence: Evidence, overlay: Overlay, host: str) -> Cause:
    return Cause(host, f"UDP {overlay.port} does not arrive", _chains(evidence, overlay, host, ("input", "prerouting")))


def _counted(evidence: Evidence, overlay: Overlay, near: str, far: str) -> Iterator[Cause]:
    """What the counters of a sender and a receiver say."""
    sent, received = (_counters(evidence, overlay, host) for host in (near, far))
    if sent and sent["dropped"] and not sent["sent"]:
        text = f"UDP {overlay.port} is not sent"
        yield Cause(near, text, _chains(evidence, overlay, near, ("output", "postrouting")))
    elif sent and sent["sent"] and received and not received["received"]:
        yield _deaf(evidence, overlay, far)


def _hears_nobody(evidence: Evidence, overlay: Overlay, host: str) -> bool:
    """Whether a host has sent packets and received none, from any node."""
    counters = _counters(evidence, overlay, host)
    return bool(counters and counters["sent"] and not counters["received"])


def _counters(evidence: Evidence, overlay: Overlay, host: str) -> Mapping[str, int] | None:
    """Packets of a host's VXLAN interface since the probes began. None: nobody has looked, or it has none."""
    return evidence.obstacles[host].counters.get(overlay.device) if host in evidence.obstacles else None


def _chains(evidence: Evidence, overlay: Overlay, host: str, hooks: tuple[str, str]) -> str:
    """The chains of a host that drop packets of the underlay."""
    if host not in evidence.obstacles:
        return ""
    chains = evidence.obstacles[host].dropping(hooks, overlay.nodes[host].underlay)
    return "; ".join(f"{chain}, drops" for chain in chains)


CHECK = Check(
    "encapsulation",
    about=silent,
    causes=_causes,
    remedy="accept this UDP port from the other nodes in the host's firewall, and in firewalls between the nodes",
    elsewhere=True,
)
