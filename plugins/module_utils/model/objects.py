# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of objects in a namespace besides its links: one file each, and one line each here.

Each type has the same methods: label(), lines() and data() for people, disturbs, found_in() and drop_from() for plans.
Its list_name is the name of its lists: in a document, in its Desired and in Observed.
"""

from __future__ import annotations

LISTS = (
    "addresses",  # address.py
    "routes",  # route.py
    "rules",  # rule.py
    "neighbours",  # neighbour.py
    "fdb",  # fdb.py
    "bridge_fdb",  # bridge_fdb.py
)
