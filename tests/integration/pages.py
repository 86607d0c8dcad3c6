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
