# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of link, one file each.

A file holds one record, KIND, which says all that the collection knows of a kind: its options, what it sits on, which
ports it takes, what is checked. Nothing outside of this package knows a kind by name. kind.py describes a record, and
attributes.py lists the attributes that links of every kind have.

Private to the collection: no other collection may import it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_collections.weft.fabric.plugins.module_utils.kinds import (
    bond,
    bridge,
    dummy,
    ipip,
    ipvlan,
    macvlan,
    tuntap,
    veth,
    vlan,
    vrf,
    vxlan,
    wireguard,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Kind, Option

# In the order in which messages list them. Ansible ships to hosts only what is imported by name.
KINDS: dict[str, Kind] = {
    found.KIND.name: found.KIND
    for found in (
        veth,
        dummy,
        bridge,
        bond,
        vlan,
        macvlan,
        ipvlan,
        vxlan,
        ipip,
        tuntap,
        vrf,
        wireguard,
    )
}
_OTHER = Kind("")


def kind_of(name: str) -> Kind:
    """The record of a kind; of one that the collection does not make, and of none, a record of no options."""
    return KINDS.get(name, _OTHER)


# Kinds whose links sit on another one, with the option that names that; kinds that take ports; kinds that take all that
# their parent receives.
PARENTS = {name: kind.parent for name, kind in KINDS.items() if kind.parent}
CONTROLLERS = tuple(name for name, kind in KINDS.items() if kind.ports)
TAKERS = tuple(name for name, kind in KINDS.items() if kind.takes_all)

# What ports have of their controllers, and which kind of controller that is; no two kinds have one of the same name.
PORT_OPTIONS: dict[str, Option] = {}
PORT_KINDS: dict[str, str] = {}
for _kind in KINDS.values():
    if _kind.ports:
        PORT_OPTIONS.update(_kind.ports.options)
        PORT_KINDS.update(dict.fromkeys(_kind.ports.options, _kind.name))

# Attributes that need other links: they are set once all links are there. The link is brought up last.
LATER = ("admin_state", "controller", *PORT_OPTIONS)


def one(kind: str) -> str:
    """A kind in a sentence: ``a veth``, ``an ipvlan``."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def any_of(kinds: Sequence[str]) -> str:
    """Several kinds in a sentence: ``a bridge or bond``."""
    *others, last = kinds
    return f"{one(', '.join(others))} or {last}"
