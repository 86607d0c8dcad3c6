# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of objects in a namespace besides its links: one file each, and one line each here.

Each type has the same methods: label(), lines() and data() for people, disturbs, found_in() and drop_from() for plans.
"""

from __future__ import annotations

from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.fdb import FdbEntry
from ansible_collections.weft.fabric.plugins.module_utils.model.neighbour import Neighbour
from ansible_collections.weft.fabric.plugins.module_utils.model.route import Route
from ansible_collections.weft.fabric.plugins.module_utils.model.rule import Rule

# By type, the name of its lists: in a document, in its Desired and in Observed.
LISTS: dict[type[Any], str] = {
    Address: "addresses",
    Route: "routes",
    Rule: "rules",
    Neighbour: "neighbours",
    FdbEntry: "fdb",
    BridgeEntry: "bridge_fdb",
}
