# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proof checks: one file for each check, with a record that says all about it.

The files are named below, the lowest layer first, and nodes before pods. The first check that finds a cause explains a
pair. check.py describes the record. Files that begin with an underscore hold what several checks share.

Private to the collection: no other collection may import it.
"""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils.proof.checks import (
    encapsulation,
    fdb,
    firewall,
    forwarding,
    http,
    ip_forward,
    isolation,
    link,
    mtu,
    nat,
    neighbour,
    pod,
    pod_link,
    pod_route,
    route,
    tcp,
    underlay,
)
from ansible_collections.weft.fabric.plugins.module_utils.proof.checks.check import Check

CHECKS: tuple[Check, ...] = tuple(
    file.CHECK
    for file in (
        *(underlay, link, fdb, neighbour, route, encapsulation),  # without replies, between nodes
        *(pod_link, pod_route, ip_forward, firewall, forwarding),  # without replies, to pods
        *(mtu, tcp, http, nat),  # with replies
        *(isolation, pod),
    )
)
