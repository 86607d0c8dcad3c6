# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof from node to node, as a matrix and as a picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Union

from ansible_collections.weft.fabric.plugins.plugin_utils.figures.heat_map import heat_map

Cell = Union[float, str, None]
"""A round trip time in milliseconds, the verdict on a pair that does not hold, or None: nothing was probed."""


@dataclass(frozen=True)
class Matrix:
    """The proof from node to node.

    :ivar nodes: all, in the order of their numbers.
    :ivar cells: by probing and probed node, the longest mean round trip time of all pairs between the two.
    """

    nodes: list[str]
    cells: list[list[Cell]]


def matrix(pairs: Iterable[tuple[str, str, Cell]], nodes: Sequence[str]) -> Matrix:
    """The matrix of pairs.

    :param pairs: (probing node, probed node, cell) of each.
    """
    places = {name: at for at, name in enumerate(nodes)}
    cells: list[list[Cell]] = [[None] * len(nodes) for _name in nodes]
    for near, far, cell in pairs:
        row, at = cells[places[near]], places[far]
        row[at] = _worse(row[at], cell)
    return Matrix(list(nodes), cells)


def _worse(one: Cell, other: Cell) -> Cell:
    if isinstance(one, str) or isinstance(other, str):
        # FAILED comes before unproved.
        return min(cell for cell in (one, other) if isinstance(cell, str))
    return max((cell for cell in (one, other) if cell is not None), default=None)


def picture(found: Matrix) -> str:
    """The matrix as a heat map in SVG."""
    words = ("FAILED", "unproved")
    cells = [[cell.split(":")[0] if isinstance(cell, str) else cell for cell in row] for row in found.cells]
    return heat_map("Round trip time, from row to column", "ms", found.nodes, found.nodes, cells, words)
