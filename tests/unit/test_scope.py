# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of which namespace, and in which order."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import scope_of
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, Removal


def test_namespaces_of_removed_links_are_looked_through_in_the_same_order_each_time() -> None:
    """A namespace of several names has the first one. Sets have another order in each process."""
    names = [*(f"pod-{letter}" for letter in "hgfedcba"), ""]
    document = Document(removals=[Removal(name, Link("eth0", "veth", {}), AFTER, False) for name in names])
    assert [*scope_of(document)] == sorted(names)
    assert scope_of(document)["pod-h"].others == sorted(names)[:-1]
