# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel says: its state through iproute2 and wg(8), and its notifications through sockets of the tests' own.

``commands.py``: commands of iproute2 and of wg(8). ``namespaces.py``: the namespaces that tests run in. ``monitor.py``:
the Monitor, which proves that nothing changed. ``messages.py``: the notifications that it reads.

Nothing here uses pyroute2 or the collection's code, so that a test does not ask the accused for its alibi.
A namespace is named as in ``ip netns``; the empty string is the one the test's process runs in.
"""

from __future__ import annotations

from ansible_collections.weft.fabric.tests.integration.kernel.commands import (
    ALL_ROUTES,
    LINK_KINDS,
    bridge,
    bridge_json,
    eventually,
    has_link_kind,
    ip,
    ip_batch,
    ip_json,
    ip_json_batch,
    ruleset,
    run,
    wg,
)
from ansible_collections.weft.fabric.tests.integration.kernel.messages import Event
from ansible_collections.weft.fabric.tests.integration.kernel.monitor import Monitor, unchanged
from ansible_collections.weft.fabric.tests.integration.kernel.namespaces import (
    enter,
    inside,
    leave_the_machine,
    namespaces,
    new_namespace,
)

__all__ = [
    "ALL_ROUTES",
    "LINK_KINDS",
    "Event",
    "Monitor",
    "bridge",
    "bridge_json",
    "enter",
    "eventually",
    "has_link_kind",
    "inside",
    "ip",
    "ip_batch",
    "ip_json",
    "ip_json_batch",
    "leave_the_machine",
    "namespaces",
    "new_namespace",
    "ruleset",
    "run",
    "unchanged",
    "wg",
]
