# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernel: it has all kinds of link that the documents make, with their options."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.engine.support import lacks
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import require_admin
from ansible_collections.weft.fabric.plugins.module_utils.preflight.checks.check import Check, Finding, Wanted


def _find(wanted: Wanted) -> Iterator[Finding]:
    require_admin()
    for text in lacks([link for desired in wanted.whole.namespaces.values() for link in desired.links.values()]):
        yield Finding(text)


CHECK = Check("kernel", _find)
