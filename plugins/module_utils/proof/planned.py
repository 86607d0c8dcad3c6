# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proof compares with what it finds: overlays, as far as packets between their nodes depend on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Callable, NamedTuple, Union

Entry = Mapping[str, Union[str, bool]]
"""A neighbour, an FDB entry or a route, as a document lists it."""

Entries = Mapping[str, Sequence[Entry]]
"""``fdb``, ``neighbours`` and ``routes``."""


class Node(NamedTuple):
    """A node of an overlay.

    :ivar underlay: its address in the underlay.
    :ivar mac_address: the VTEP's.
    :ivar mtu_overhead: bytes that pods' packets lose of the underlay's MTU.
    :ivar vteps: the VTEP's addresses, one in each family.
    :ivar gateways: its pods' gateways, likewise.
    """

    underlay: str
    mac_address: str
    mtu_overhead: int
    vteps: Sequence[str]
    gateways: Sequence[str]


class Overlay(NamedTuple):
    """An overlay.

    :ivar device: its VXLAN interface.
    :ivar tunnelled: whether it has one.
    :ivar nodes: by name, in the order of their numbers.
    :ivar entries: (near, far) -> the entries that a node needs to reach another's pods.
    """

    name: str
    device: str
    vni: int
    port: int
    tunnelled: bool
    nodes: Mapping[str, Node]
    entries: Callable[[str, str], Entries]
