# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which nodes of a run the batches have changed so far."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


def parts(variables: Mapping[str, Mapping[str, Any]], batch: Sequence[str]) -> dict[str, list[str]]:
    """The nodes by what a batch's proof does with them.

    :param variables: by host of all batches, its variables.
    :param batch: the hosts of the batch.
    :returns: ``hosts`` that the batch has changed, and that probe; ``earlier``, those that are as planned besides; and
        ``stale``, those that later batches change. Hosts that were lost are in none of them.
    """
    nodes = json.loads(next(iter(variables.values()))["common_fabric"]["groups"])["nodes"]
    there = {host: own for host, own in variables.items() if host in nodes and "differs" in _planned(own)}
    changed = {host for host, own in there.items() if "generation" in own.get("common_applied", {})}
    stale = [host for host, own in there.items() if _planned(own)["differs"] and host not in changed]
    hosts = [host for host in batch if host in changed]
    return {"hosts": hosts, "stale": stale, "earlier": [host for host in there if host not in (*stale, *hosts)]}


def _planned(own: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = own.get("common_planned") or {}
    return found
