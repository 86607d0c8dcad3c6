# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Pages of docs/ that show commands, and beside them the tasks that do the same."""

from __future__ import annotations

import pathlib
import re
from typing import Any

import yaml

DOCS = pathlib.Path(__file__).parent.parent.parent / "docs"
_SECTION = re.compile(r"^## (.+?)\n.*?^```sh\n(.*?)^```\n\n^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)

_BLOCK = re.compile(r"^```(diff|sh|console)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

Task = tuple[str, dict[str, Any]]


def _tasks(text: str) -> list[Task]:
    """(module, arguments) of each task."""
    return [
        (key.removeprefix("weft.fabric."), arguments)
        for task in yaml.safe_load(text)
        for key, arguments in task.items()
        if key != "name"
    ]


def sections(page: pathlib.Path) -> dict[str, tuple[list[str], list[Task]]]:
    """The commands and the tasks of each section of a page, by its heading; the last section has neither."""
    text = page.read_text(encoding="utf-8")
    found = {title: (commands.splitlines(), _tasks(tasks)) for title, commands, tasks in _SECTION.findall(text)}
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [*found, "What is not here"] == headings
    return found


def steps(page: pathlib.Path) -> dict[str, list[tuple[str, str]]]:
    """The code blocks of each section of a page, in their order, each with its language; by the section's heading."""
    parts = re.split(r"^##+ (.+)\n", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {title: _BLOCK.findall(body) for title, body in zip(parts[1::2], parts[2::2])}


def patched(text: str, difference: str) -> str:
    """A text after a difference, as diff(1) shows it, whose parts are between lines of ``@@``."""
    for part in difference.split("@@\n"):
        lines = part.splitlines(keepends=True)
        old, new = ("".join(line[1:] for line in lines if line[0] in signs) for signs in (" -", " +"))
        assert text.count(old) == 1, f"{text.count(old)} times:\n{old}"
        text = text.replace(old, new)
    return text
