# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The defaults of a role and its argument specs agree."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader

ROLES = sorted((pathlib.Path(__file__).parents[2] / "roles").iterdir())


def load(path: pathlib.Path) -> Any:
    return (DataLoader().load_from_file(str(path)) or {}) if path.exists() else {}


@pytest.mark.parametrize("role", ROLES, ids=lambda role: str(role.name))
def test_the_defaults_are_those_of_the_argument_specs(role: pathlib.Path) -> None:
    specs = load(role / "meta" / "argument_specs.yml")["argument_specs"].values()
    options = {name: option for spec in specs for name, option in spec.get("options", {}).items()}
    documented = {name: option["default"] for name, option in options.items() if "default" in option}
    assert load(role / "defaults" / "main.yml") == documented
    assert [name for name in options if not name.startswith(f"{role.name}_")] == []
