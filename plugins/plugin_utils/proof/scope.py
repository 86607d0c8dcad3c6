# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes a node probes."""

from __future__ import annotations

from collections.abc import Sequence

SCOPES = ("auto", "sample", "all")
"""All nodes, a sample of them, or with ``auto`` all where there are few."""

FEW_NODES = 20
"""With ``auto``, up to this number all nodes are probed. The pairs of all grow with the square of the nodes."""


def peers(host: str, nodes: Sequence[str], scope: str) -> list[str]:
    """The nodes that a node probes, itself among them.

    A sample is the node's two neighbours in the order of numbers, the last beside the first, and the node half-way
    round, which is seldom on the same segment. So each node probes exactly the nodes that probe it, and their number
    does not grow.

    :param nodes: all, in the order of their numbers.
    :param scope: one of SCOPES.
    """
    if scope == "all" or (scope == "auto" and len(nodes) <= FEW_NODES):
        return list(nodes)
    here, half = nodes.index(host), len(nodes) // 2
    chosen = {(here + step) % len(nodes) for step in (-half, -1, 0, 1, half)}
    return [nodes[at] for at in sorted(chosen)]
