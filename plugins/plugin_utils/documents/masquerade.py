# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of the role masquerade: what routers masquerade."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Document, Host, Role


def _document(host: Host) -> Document | None:
    rules = host.variables["masquerade_rules"]
    return {"masquerade": {"rules": rules}} if rules else None


ROLE = Role("masquerade", _document, "routers")
