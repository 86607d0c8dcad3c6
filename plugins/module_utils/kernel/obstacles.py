# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can keep packets from getting through this host, as data."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel.counters import counters
from ansible_collections.weft.fabric.plugins.module_utils.kernel.drops import drops
from ansible_collections.weft.fabric.plugins.module_utils.kernel.sysctl import (
    IPV4_FORWARDING,
    IPV6_FORWARDING,
    read_live,
)

_FORWARDING = {"ipv4": IPV4_FORWARDING, "ipv6": IPV6_FORWARDING}


def obstacles(interfaces: Collection[str]) -> dict[str, Any]:
    """The chains that drop packets, whether the host forwards, and packets of interfaces.

    The module obstacles_info documents it.
    """
    return {
        "chains": [chain._asdict() for chain in drops()],
        "forwarding": {family: read_live(key) not in (None, "0") for family, key in _FORWARDING.items()},
        "counters": counters(interfaces),
    }
