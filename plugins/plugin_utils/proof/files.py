# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof as files: for programs, for test reports, and as a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ansible_collections.weft.fabric.plugins.module_utils.proof.report import as_data
from ansible_collections.weft.fabric.plugins.module_utils.proof.verdict import Verdict
from ansible_collections.weft.fabric.plugins.plugin_utils.model.codec import encode
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.junit import junit
from ansible_collections.weft.fabric.plugins.plugin_utils.proof.matrix import matrix, picture


def files(found: Sequence[Verdict], nodes: Sequence[str]) -> dict[str, str]:
    """The contents of files by name.

    :param nodes: all, in the order of their numbers.
    """
    table = matrix([_cell(verdict) for verdict in found], nodes)
    return {
        "proof.json": json.dumps(as_data(found), indent=1) + "\n",
        "junit.xml": junit(found),
        "matrix.json": json.dumps(encode(table)),
        "matrix.svg": picture(table),
    }


def _cell(verdict: Verdict) -> tuple[str, str, float | str | None]:
    pair = verdict.pair
    return pair.host, pair.target.host, verdict.text if verdict.check else pair.result.rtt
