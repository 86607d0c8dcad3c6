# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers and tables as lines of text."""

from __future__ import annotations

import math
from collections.abc import Sequence


def number(value: float) -> str:
    """A number with three significant digits and a comma between thousands."""
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def table(rows: Sequence[Sequence[str]], names: Sequence[str]) -> list[str]:
    """The lines of a table whose columns are two spaces apart.

    :param rows: the head first. A row that is shorter than the head is a name and a remark across the other columns.
    :param names: heads of the columns that are aligned to the left. All others hold figures, aligned to the right.
    """
    head = rows[0]
    whole = [row for row in rows if len(row) == len(head)]
    widths = [max(map(len, column)) for column in zip(*whole)]
    widths[0] = max(len(row[0]) for row in rows)
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if name in names else cell.rjust(width) for name, cell, width in zip(head, row, widths)
        ]
        if len(row) < len(head):
            cells = [cells[0], row[1]]
        lines.append("  ".join(cells).rstrip())
    return lines
