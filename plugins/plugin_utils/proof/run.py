# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof of a run of Ansible: of all nodes, or of those that batches have changed so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Reported
from ansible_collections.weft.fabric.plugins.module_utils.proof.report import Report, report
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Target
from ansible_collections.weft.fabric.plugins.module_utils.proof.verdict import ABSENT, Proof, Verdict, verdicts
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.proof import protection
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.scope import peers
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.targets import around, overlays, targets


class Part(NamedTuple):
    """The part that hosts have in a proof.

    :ivar missing: by host that should have probed and has no results, why it has none.
    :ivar stale: hosts of later batches, which are not probed yet.
    :ivar earlier: hosts of earlier batches. They are probed, and nobody looks at them again.
    """

    missing: Mapping[str, str] = {}
    stale: Sequence[str] = ()
    earlier: Sequence[str] = ()


def found(reported: Reported, fabric: Fabric, scope: str, part: Part) -> list[Verdict]:
    """The verdicts on all pairs.

    :param scope: that of the probes.
    """
    nodes = list(fabric.nodes)
    seen = {*reported.results, *part.earlier, *part.stale}
    there = overlays(fabric, nodes)
    ends, itself = {node: fabric.ends(node) for node in nodes}, {node: fabric.itself(node) for node in nodes}

    def of(host: str) -> list[Target]:
        names = peers(host, nodes, scope)
        return targets(around(host, there, {name: ends[name] for name in names}, itself))

    proof = Proof(
        overlays={overlay.name: overlay for overlay in there},
        ends=ends,
        targets=of,
        away={node: part.missing.get(node, ABSENT) for node in nodes if node not in seen},
        lost=[host for host in part.missing if host in nodes],
        stale=part.stale,
    )
    return verdicts(proof, reported)


def shown(reported: Reported, fabric: Fabric, scope: str, part: Part) -> Report:
    """The proof for people, of what found() takes."""
    probing = list(reported.results)
    remarks = [*_sampled(probing, list(fabric.nodes), scope), *protection.lines(reported.protections, fabric)]
    return report(found(reported, fabric, scope, part), probing, remarks)


def _sampled(probing: Sequence[str], nodes: Sequence[str], scope: str) -> list[str]:
    few = [len(peers(host, nodes, scope)) - 1 for host in probing]
    if not few or max(few) == len(nodes) - 1:
        return []
    return [f"a sample: each of {len(nodes)} nodes probes {max(few)} others; verify_scope=all is for all of them"]
