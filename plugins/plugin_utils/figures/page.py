# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An HTML page that needs no network."""

from __future__ import annotations

import html
from collections.abc import Sequence

from ansible_collections.weft.fabric.plugins.plugin_utils.figures import svg

_STYLE = (
    "body{font:14px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}svg{max-width:100%;height:auto}"
    "table{border-collapse:collapse}th,td{padding:.2em .7em;text-align:right;border-bottom:1px solid}"
    "th:first-child,td:first-child{text-align:left}th{vertical-align:bottom}"
)


def page(title: str, *parts: str) -> str:
    """A whole page.

    :param parts: HTML, plots among it.
    """
    body = "\n".join(parts)
    themed = svg.colours("body{{color:{ink};background:{paper}}}th,td{{border-color:{grid}}}")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{html.escape(title)}</title>\n'
        f"<style>{_STYLE}{themed}</style>\n"
        f"</head>\n<body>\n<h1>{html.escape(title)}</h1>\n{body}\n</body>\n</html>\n"
    )


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table, from the rows that text.table() takes."""

    def line(row: Sequence[str], tag: str) -> str:
        span = f' colspan="{len(rows[0]) - 1}"' if len(row) == 2 else ""
        first, *rest = (html.escape(cell) for cell in row)
        return f"<tr><{tag}>{first}</{tag}>{''.join(f'<{tag}{span}>{cell}</{tag}>' for cell in rest)}</tr>"

    return "\n".join(["<table>", line(rows[0], "th"), *(line(row, "td") for row in rows[1:]), "</table>"])
