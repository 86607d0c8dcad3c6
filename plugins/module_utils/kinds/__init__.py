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
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, cast

from ansible_collections.weft.fabric.plugins.module_utils.kinds import bond, bridge
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Kind, Option

if TYPE_CHECKING:
    # Ansible sends along what it sees imported. A kind is only imported where a link of it is listed or observed,
    # because Python compiles all imports in each call.
    from ansible_collections.weft.fabric.plugins.module_utils.kinds import (  # noqa: F401
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

# In the order in which messages list them.
NAMES = (
    "veth",
    "dummy",
    "bridge",
    "bond",
    "vlan",
    "macvlan",
    "ipvlan",
    "vxlan",
    "ipip",
    "tuntap",
    "vrf",
    "wireguard",
)
OF_THE_KERNEL = {"tun": "tuntap"}
"""The kinds that have another name in the kernel, by that name: before their files are imported."""

_OTHER = Kind("")


@cache
def kind_of(name: str) -> Kind:
    """The record of a kind; of one that the collection does not make, and of none, a record of no options."""
    return cast(Kind, import_module(f"{__name__}.{name}").KIND) if name in NAMES else _OTHER


# What ports have of their controllers, and which kind of controller that is; no two kinds have one of the same name.
PORT_OPTIONS: dict[str, Option] = {}
PORT_KINDS: dict[str, str] = {}
for _kind in (bridge.KIND, bond.KIND):
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
