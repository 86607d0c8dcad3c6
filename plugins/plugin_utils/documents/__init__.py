# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of hosts, one file for each role. The files are named below, in the order in which results list roles.

role.py describes the record. A document follows from the inventory alone. What only the host knows is ``auto`` in it.
lab.py is for the playbook lab.

Private to the collection: no other collection may import it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ansible_collections.weft.fabric.plugins.plugin_utils.documents import (
    masquerade,
    mgmt_routing,
    overlay,
    pods,
    underlay,
)
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Document, Host, Role

ROLES: Mapping[str, Role] = {file.ROLE.name: file.ROLE for file in (underlay, mgmt_routing, masquerade, overlay, pods)}


def of_host(host: Host, wanted: Mapping[str, bool]) -> dict[str, Document]:
    """The documents of a host.

    :param wanted: by role, whether the host is to have its document, if the role's variables say so too.
    """
    return {name: _document(ROLES[name], host, there) for name, there in wanted.items()}


def _document(role: Role, host: Host, wanted: bool) -> Document:
    state = host.variables.get(f"{role.name}_state")
    content = role.document(host) if wanted and state != "absent" else None
    afterwards = role.afterwards(host)
    if content is None:
        return {"state": "absent", **({"afterwards": afterwards} if afterwards else {})}
    # Where a role has no such variable, the module has a default.
    given = {key: host.variables.get(f"{role.name}_{key}") for key in ("adopt", "persist")}
    more = {**given, "afterwards": afterwards}
    return {**content, **{key: value for key, value in more.items() if value is not None}}


def interfaces(documents: Mapping[str, Document]) -> tuple[set[str], set[str]]:
    """The links of the host's own namespace that documents make, and those that they use."""
    made: set[str] = set()
    used: set[str] = set()
    for document in documents.values():
        for link in document.get("topology", {}).get("namespaces", {}).get("", {}).get("links", ()):
            (made if "kind" in link else used).add(link["name"])
    return made, used - made


def selected(tags: Iterable[str]) -> list[str]:
    """The roles that tags name, or else all."""
    return [name for name in ROLES if name in tags] or [*ROLES]
