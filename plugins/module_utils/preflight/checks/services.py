# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Services: something applies the documents when the host starts."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.host.install import LEFT_OUT
from ansible_collections.weft.fabric.plugins.module_utils.host.systemd import systemd_runs
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.check import Check, Finding, Wanted


def _find(wanted: Wanted) -> Iterator[Finding]:
    if not systemd_runs() and any(document.persist for document in wanted.documents.values()):
        yield Finding(f"the service is {LEFT_OUT}", refuses=False)


CHECK = Check("services", _find)
