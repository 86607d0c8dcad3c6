# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Policy rules: missing ones are created; others of ours are removed if a list is authoritative."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def set_rules(view: View, netns: str, desired: Desired) -> None:
    """Create missing rules, and note the rules that a list does not contain.

    The kernel changes no rule, so the new one is created before an old one for the same packets is deleted.
    """
    rules = view.at(netns).rules
    for rule in desired.rules.values():
        if any(map(rule.met_by, rules)):
            continue
        made = rule._replace(protocol=view.document.route_protocol)
        replaced = [other for other in rules if other.key == rule.key]
        view.do("create", netns, None, made)
        rules.append(made)
        view.delete_entries(netns, replaced)
    note_unwanted_rules(view, netns, desired)


def note_unwanted_rules(view: View, netns: str, desired: Desired) -> None:
    """Note the rules with the document's number that an authoritative list does not contain."""
    if desired.purge_rules:
        wanted = desired.rules.values()
        ours = [rule for rule in view.at(netns).rules if rule.protocol == view.document.route_protocol]
        view.unwanted[netns].append([rule for rule in ours if not any(item.met_by(rule) for item in wanted)])
