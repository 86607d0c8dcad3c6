# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Driver none: pods with a loopback interface only."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.plugin_utils.drivers.driver import Driver, End


def _reaches(one: End, other: End) -> bool | None:
    return False if other.network is None and one.host == other.host else None


DRIVER = Driver("none", loopback=True, reaches=_reaches)
