# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything in namespaces that a document can hold, as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import everything
from ansible_collections.weft.fabric.plugins.module_utils.model import facts


def states(names: Sequence[str]) -> dict[str, Any]:
    """The state of each namespace that exists, by name. A further name of one says only which one that is.

    :raises FabricError: a namespace cannot be entered, or pyroute2 is missing.
    """
    scopes = {name: everything([other for other in names if other != name], protocol=0) for name in names}
    with Kernel() as kernel:
        observed = observe(kernel, scopes)
    found: dict[str, Any] = {}
    for name, state in observed.items():
        if state.status != "present":
            continue  # it has been removed meanwhile
        joined = next((other for other in found if other in state.aliases), None)
        found[name] = facts.document(state) if joined is None else {"joins": joined}
    return found
