# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP: the pods' echo servers answer."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Cause, Check, answered
from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Pair


def _causes(_evidence: Evidence, pair: Pair) -> Iterator[Cause]:
    if not pair.result.reachable:
        yield Cause(pair.target.host, "echo servers do not answer", f"{pair.target.pod}: {pair.result.error}")


CHECK = Check(
    "HTTP",
    about=answered,
    causes=_causes,
    remedy="run weft.fabric.site with the tag pods, which starts echo servers, and look for firewalls that drop TCP",
    elsewhere=True,
)
