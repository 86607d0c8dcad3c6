# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of the README name everything that the collection has, once."""

from __future__ import annotations

import pathlib
import re

import pytest

CHECKOUT = pathlib.Path(__file__).parents[2]
PRIVATE = {"common"}  # for the collection's own roles alone


@pytest.mark.parametrize(
    ("table", "name", "files"),
    [
        ("module", r"`(\w+)`", "plugins/modules/*.py"),
        ("playbook", r"`weft\.fabric\.(\w+)`", "playbooks/*.yml"),
        ("role", r"\[(\w+)\]\(roles/\1/README\.md\)", "roles/*"),
    ],
)
def test_each_is_named_once(table: str, name: str, files: str) -> None:
    readme = (CHECKOUT / "README.md").read_text(encoding="utf-8")
    rows = readme.partition(f"\n| {table} |")[2].partition("\n\n")[0].splitlines()
    named = [found for row in rows for found in re.findall(name, row.split("|")[1])] if rows else []
    assert sorted(named) == sorted({path.stem for path in CHECKOUT.glob(files)} - PRIVATE)
