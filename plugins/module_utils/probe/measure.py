# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A round of probes, with what interfaces have counted before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel.counters import counters
from ansible_collections.weft.fabric.plugins.module_utils.kernel.mtu import mtus
from ansible_collections.weft.fabric.plugins.module_utils.probe.prober import Prober
from ansible_collections.weft.fabric.plugins.module_utils.probe.targets import Target


def measure(
    targets: Sequence[Target], count: int, pmtu: bool, timeout: float, interfaces: Sequence[str]
) -> dict[str, Any]:
    """Probe targets. The module reachability documents the parameters and what is returned.

    :raises FabricError: a probe cannot be sent at all.
    """
    before = counters(interfaces) if interfaces else {}
    sizes = mtus(interfaces)
    return {"results": Prober(targets, count, pmtu, timeout).run(), "counters": before, "mtus": sizes}
