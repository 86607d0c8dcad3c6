# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof as files: for programs, for test reports, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.plugin_utils.fabric.fabric import Fabric
from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import encode
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.faults import faults
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.junit import junit
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.matrix import matrix, picture
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.reported import Reported
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.verdict import Verdict, failing, verdicts


def files(reported: Reported, fabric: Fabric, scope: str) -> dict[str, str]:
    """The contents of files by name: what verdicts() finds."""
    found = verdicts(reported, fabric, scope)
    nodes = matrix([_cell(verdict) for verdict in found], list(fabric.nodes))
    return {
        "proof.json": json.dumps(_proof(found), indent=1) + "\n",
        "junit.xml": junit(found),
        "matrix.json": json.dumps(encode(nodes)),
        "matrix.svg": picture(nodes),
    }


def _proof(found: Sequence[Verdict]) -> dict[str, Any]:
    failed = failing(found)
    unproved = sum(bool(verdict.unproved) for verdict in found)
    return {
        "pairs": len(found),
        "hold": len(found) - len(failed) - unproved,
        "fail": len(failed),
        "unproved": unproved,
        "faults": encode(faults(failed)),
        "results": [_result(verdict) for verdict in found],
    }


def _result(verdict: Verdict) -> dict[str, Any]:
    pair = verdict.pair
    return {
        "from": pair.source,
        "to": pair.target.name,
        "address": pair.target.address,
        "result": verdict.text,
        **{key: value for key, value in pair.result._asdict().items() if key not in ("reachable", "received")},
    }


def _cell(verdict: Verdict) -> tuple[str, str, float | str | None]:
    pair = verdict.pair
    return pair.host, pair.target.host, verdict.text if verdict.check else pair.result.rtt
