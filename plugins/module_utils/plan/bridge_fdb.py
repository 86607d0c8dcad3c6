# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static entries of bridges' FDBs: missing ones are set; others are removed from ports with an authoritative list."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import repeat

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.model.bridge_fdb import BridgeEntry, BridgeTable
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def set_bridge_fdb(view: View, netns: str, desired: Desired) -> None:
    """Set missing entries, and note the entries that authoritative lists do not contain."""
    now, wanted = view.at(netns).bridge_fdb, desired.bridge_fdb
    links = [view.require(netns, dev, "bridge_fdb: dev") for dev in sorted(desired.bridge_fdb_devices)]
    unwanted = _unwanted(now, desired)
    missing = [entry for key, entry in wanted.items() if now.get(key) != entry]
    _refuse_own_macs(view, netns, missing)
    learned = _learned(links) if missing else {}
    replaced = [now.get(entry.key) or learned.get(entry.key) for entry in missing]
    # The kernel would leave a control plane's mark on the entry (net/bridge/br_fdb.c: fdb_add_entry).
    marked = {old for old in replaced if old and old.is_marked}
    view.do_all("delete", netns, marked, repeat(None))
    view.do_all("set", netns, (None if old in marked else old for old in replaced), missing)
    for entry in filter(None, replaced):
        now.pop(entry.key, None)
    now.update((entry.key, entry) for entry in missing)
    view.unwanted[netns].append(unwanted)


def _unwanted(now: BridgeTable, desired: Desired) -> list[BridgeEntry]:
    """The entries that authoritative lists do not contain."""
    wanted = desired.bridge_fdb
    # One without a VLAN is in all VLANs of its port, each of which has an entry.
    everywhere = {key[:2] for key in wanted if key[2] is None}
    return [
        entry
        for key, entry in now.items()
        if entry.dev in desired.purge_bridge_fdb and key not in wanted and key[:2] not in everywhere
    ]


def _refuse_own_macs(view: View, netns: str, missing: Iterable[BridgeEntry]) -> None:
    """Refuse entries in place of those that a bridge has for itself.

    :raises InvalidParameter: for the first.
    """
    for entry in missing:
        if entry.lladdr in _own_macs(view, netns, entry.dev):
            remedy = f"the bridge of {entry.dev}, or a port of it, has this address, and would not receive any more"
            raise InvalidParameter("bridge_fdb: lladdr", entry.lladdr, f"{remedy}: leave it out")


def _own_macs(view: View, netns: str, dev: str) -> set[str | None]:
    """The addresses of a port's bridge, as it is and as it will be: an entry would replace the bridge's own one."""
    links = view.at(netns).links
    bridge = links[dev].attributes.get("controller")
    related = [links[dev], *(link for link in links.values() if bridge and bridge in _bridges(link))]
    permanent = (entry.lladdr for entry in _replaceable(links[dev]) if entry.state == "permanent")
    return {*permanent, *(link.attributes.get("mac_address") for link in related)}


def _bridges(link: Link) -> tuple[str, str | None]:
    return link.name, link.attributes.get("controller")


def _replaceable(link: Link) -> list[BridgeEntry]:
    return [entry for entry in link.noted if isinstance(entry, BridgeEntry)]


def _learned(links: Iterable[Link]) -> BridgeTable:
    """What an entry of a port replaces: the bridge's entry for its MAC address and VLAN, maybe behind another port."""
    found: BridgeTable = {}
    for link in links:
        for entry in _replaceable(link):
            found[link.name, entry.lladdr, entry.vlan] = entry
            found.setdefault((link.name, entry.lladdr, None), entry)
    return found
