# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static entries of bridges' FDBs: missing ones are set; others are removed from ports with an authoritative list."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def set_bridge_fdb(view: View, netns: str, desired: Desired) -> None:
    """Set missing entries, and note the entries that authoritative lists do not contain."""
    now, wanted = view.at(netns).bridge_fdb, desired.bridge_fdb
    for dev in sorted(desired.bridge_fdb_devices):
        view.require(netns, dev, "bridge_fdb: dev")
    # One without a VLAN is in all VLANs of its port, each of which has an entry.
    everywhere = {key[:2] for key in wanted if key[2] is None}
    unwanted = [
        entry
        for key, entry in now.items()
        if entry.dev in desired.purge_bridge_fdb and key not in wanted and key[:2] not in everywhere
    ]
    missing = [entry for key, entry in wanted.items() if now.get(key) != entry]
    for entry in missing:
        if entry.lladdr in _own_macs(view, netns, entry.dev):
            remedy = f"the bridge of {entry.dev}, or a port of it, has this address, and would not receive any more"
            raise InvalidParameter("bridge_fdb: lladdr", entry.lladdr, f"{remedy}: leave it out")
    view.do_all("set", netns, [now.get(entry.key) for entry in missing], missing)
    now.update((entry.key, entry) for entry in missing)
    view.unwanted[netns].append(unwanted)


def _own_macs(view: View, netns: str, dev: str) -> set[str | None]:
    """The addresses of a port's bridge, as it is and as it will be: an entry would replace the bridge's own one."""
    links = view.at(netns).links
    bridge = links[dev].attributes.get("controller")
    related = [links[dev], *(link for link in links.values() if bridge and bridge in _bridges(link))]
    return {*links[dev].own_macs, *(link.attributes.get("mac_address") for link in related)}


def _bridges(link: Link) -> tuple[str, str | None]:
    return link.name, link.attributes.get("controller")
