# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles' argument specifications and the filter's documentation list what the code accepts."""

from __future__ import annotations

import pathlib
from typing import Any

import yaml

from ansible_collections.weft.fabric.plugins.filter import overlay_plan
from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.plugin_utils.bandwidth.schedule import PROTOCOLS
from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.overlays import KEYS
from ansible_collections.weft.fabric.plugins.plugin_utils.model.overlay import MODES
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.scope import SCOPES

ROLES = pathlib.Path(__file__).parents[2] / "roles"


def options(role: str) -> dict[str, Any]:
    text = (ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    found: dict[str, Any] = yaml.safe_load(text)["argument_specs"]["main"]["options"]
    return found


def test_overlays() -> None:
    role = options("overlay")
    overlay = role["overlay_overlays"]["options"]
    assert overlay.keys() == {*KEYS}
    documented = yaml.safe_load(overlay_plan.DOCUMENTATION)["options"]
    for mode in (role["overlay_mode"], overlay["mode"], documented["mode"]):
        assert tuple(mode["choices"]) == MODES
    assert f"V({values.LARGEST_VNI})" in documented["vni"]["description"]


def test_the_proof() -> None:
    assert sorted(options("verify")["verify_scope"]["choices"]) == sorted(SCOPES)


def test_bandwidths() -> None:
    protocols = options("bandwidth")["bandwidth_protocols"]
    assert tuple(protocols["choices"]) == PROTOCOLS
