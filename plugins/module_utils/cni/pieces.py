# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces that pods are connected by, whether a driver of the role or a CNI network asks for them. Pure.

Each piece is a part of ``namespaces`` as weft.fabric.topology takes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values

Pieces = dict[str, dict[str, Any]]
Routes = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Interface:
    """A pod's own interface, whatever connects it.

    :ivar addresses: in CIDR notation, or as items of ``addresses`` of an interface.
    :ivar mtu: bytes, or ``auto``; None leaves it to the kernel.
    :ivar mtu_of: the host's own link that ``auto`` stands for; None: the link below.
    :ivar mac_address: None leaves it to the piece.
    :ivar recreate: whether another interface of this name is deleted, and this one made.
    :ivar leased: its addresses come from a server that knows it by its MAC address.
    """

    netns: str
    name: str
    addresses: Sequence[Any] = ()
    mtu: int | str | None = None
    mac_address: str | None = None
    recreate: bool = False
    leased: bool = False
    mtu_of: str | None = None

    @property
    def derived_mac(self) -> str | None:
        """The same whenever the interface is made again: neighbours and switches keep knowing where it is."""
        if self.leased:
            return values.derived_mac(f"{self.netns} {self.name}")
        return values.derived_mac(self.addresses[0]) if self.addresses else None

    def link(self, **more: Any) -> dict[str, Any]:
        """The interface as an item of ``links``, or as a veth's ``peer``."""
        own = {"mtu": self.mtu, "mtu_of": self.mtu_of, "mac_address": self.mac_address}
        return {"name": self.name, "addresses": list(self.addresses), **values.given(own), **more}


def veth_name(text: str) -> str:
    """The name of a veth pair's end on the host, of 12 bytes: a hash of text, so that nothing else changes it."""
    return "veth" + hashlib.blake2s(text.encode(), digest_size=4).hexdigest()


def namespace(name: str, joins: str | None = None) -> Pieces:
    """A pod's namespace.

    :param joins: the namespace that it shares; empty: the host's; None: it has its own.
    """
    return {name: {} if joins is None else {"joins": joins}}


def gateway(addresses: Sequence[str]) -> dict[str, Any]:
    """The attributes of an interface of the host's that is the gateway of pods.

    :param addresses: the gateway's, in CIDR notation.
    """
    # By default a bridge has the lowest MAC of its ports, and pods lose their gateway when another pod comes or goes.
    mac = {"mac_address": values.derived_mac(addresses[0])} if addresses else {}
    return {"addresses": list(addresses), **mac}


def bridge(name: str, gateways: Sequence[str], **options: Any) -> dict[str, Any]:
    """A bridge that has the gateways' addresses, as an item of ``links``."""
    return {"name": name, "kind": "bridge", **options, **gateway(gateways)}


def on_bridge(inside: Interface, outside: str, controller: str, routes: Routes, **port: Any) -> Pieces:
    """A veth pair from a pod to a bridge.

    :param outside: the name of the host's end.
    :param routes: the pod's.
    :param port: attributes of the bridge's port.
    """
    return _veth(inside, outside, routes, controller=controller, addresses=[], **port)


def point_to_point(inside: Interface, outside: str, gateways: Sequence[str], routes: Routes, back: Routes) -> Pieces:
    """A veth pair between a pod and its host, and nothing else.

    :param outside: the name of the host's end.
    :param gateways: the host's addresses on it, in CIDR notation.
    :param routes: the pod's.
    :param back: the host's, to the pod.
    """
    piece = _veth(inside, outside, routes, controller="", addresses=list(gateways))
    piece[""]["routes"] = list(back)
    return piece


def _veth(inside: Interface, outside: str, routes: Routes, **attributes: Any) -> Pieces:
    mtu = values.given({"mtu": inside.mtu, "mtu_of": inside.mtu_of})
    peer = inside.link(netns=inside.netns)
    pair = {"name": outside, "kind": "veth", **mtu, **attributes, "peer": peer}
    # The pod's end is listed for itself, so that another interface of its name is not in its way.
    end = {"name": inside.name, "kind": "veth", "recreate": inside.recreate}
    return {"": {"links": [pair]}, inside.netns: {"links": [end], "routes": list(routes)}}


def macvlan(inside: Interface, parent: str, mode: str, routes: Routes) -> Pieces:
    """A macvlan of an interface of the host's. Without a MAC address it has the derived one."""
    # In mode passthru it has its parent's, and setting one sets the parent's (macvlan.c: macvlan_set_mac_address).
    derived = None if mode == "passthru" else inside.derived_mac
    return _child(inside, inside.mac_address or derived, routes, kind="macvlan", parent=parent, mode=mode)


def ipvlan(inside: Interface, parent: str, mode: str, routes: Routes) -> Pieces:
    """An ipvlan of an interface of the host's, whose MAC address it has."""
    return _child(inside, None, routes, kind="ipvlan", parent=parent, mode=mode)


def _child(inside: Interface, mac: str | None, routes: Routes, **attributes: Any) -> Pieces:
    link = {**inside.link(**attributes, parent_netns="", recreate=inside.recreate), "mac_address": mac}
    return {inside.netns: {"links": [values.given(link)], "routes": list(routes)}}


def route(dst: object, dev: str, via: object = None, **more: Any) -> dict[str, Any]:
    """An item of ``routes``.

    :param via: None: the destination is on the link itself.
    """
    return {"dst": str(dst), "dev": dev, **({"via": str(via)} if via else {}), **more}


def put_together(pieces: Iterable[Mapping[str, Mapping[str, Any]]]) -> Pieces:
    """Pieces as one topology: lists of the same namespace one after the other."""
    found: Pieces = {}
    for piece in pieces:
        for netns, content in piece.items():
            into = found.setdefault(netns, {})
            for section, items in content.items():
                if isinstance(items, list):
                    into.setdefault(section, []).extend(items)
                else:
                    into[section] = items
    return found
