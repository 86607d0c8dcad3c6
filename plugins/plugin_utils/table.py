# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A table as lines of text."""

from __future__ import annotations

from collections.abc import Sequence


def lines(rows: Sequence[Sequence[str]], names: Sequence[str]) -> list[str]:
    """The rows, in columns two spaces apart.

    :param rows: the head first. One that is shorter is a name, and a remark that goes across the other columns.
    :param names: the columns of names, by their heads: they go to the left, the others, figures, to the right.
    """
    head = rows[0]
    whole = [row for row in rows if len(row) == len(head)]
    widths = [max(map(len, column)) for column in zip(*whole)]
    widths[0] = max(len(row[0]) for row in rows)
    found = []
    for row in rows:
        cells = [
            cell.ljust(width) if name in names else cell.rjust(width) for name, cell, width in zip(head, row, widths)
        ]
        if len(row) < len(head):
            cells = [cells[0], row[1]]
        found.append("  ".join(cells).rstrip())
    return found
