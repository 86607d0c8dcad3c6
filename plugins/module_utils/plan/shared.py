# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a controller shares with its ports: the MTU that it gives them, and MAC addresses (kinds/kind.py: Ports)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Ports
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View

SHARED = ("mtu", "mac_address")  # the attributes


def join(view: View, netns: str, port: str, controller: str) -> None:
    """Note what a link gets when it becomes a port."""
    links = view.at(netns).links
    held = links[controller]
    ports = kind_of(held.kind).ports or Ports()
    given: dict[str, Any] = {}
    view.follow(netns, port, ports.joined(held.attributes), shown=False)
    if ports.gives_mtu and held.attributes.get("mtu"):
        given["mtu"] = held.attributes["mtu"]
    if ports.own_mac:
        given["mac_address"] = _mac_of_port(view, netns, links[port], held, ports)
    view.follow(netns, port, given)


def _mac_of_port(view: View, netns: str, port: Link, held: Link, ports: Ports) -> str | None:
    """The MAC address of a new port; None: nobody knows."""
    mac: str | None = held.attributes.get("mac_address")
    if ports.moves_macs(held.attributes):
        return None
    if mac is None:  # a random one, which that of the first port replaces
        mac = port.attributes.get("mac_address")
        view.follow(netns, held.name, {"mac_address": mac})
    asked = "mac_address" in view.document.namespaces[netns].links.get(held.name, held).attributes
    there = view.observed[netns].links.values()
    if held.index >= 0 and not asked and all(other.attributes.get("controller") != held.name for other in there):
        return None  # no message says whether that of a controller without ports is a random one
    return mac


def leave(view: View, netns: str, port: Link, held: Link | None, link: Link | None) -> None:
    """Note what a port gets back when it is none any more, and ask for what the document has for it.

    :param port: as it was.
    :param held: its controller.
    :param link: as the document has it; None: the document does not list it.
    """
    if held is None:
        return
    ports = kind_of(held.kind).ports or Ports()
    back: dict[str, Any] = {"mtu": None} if ports.gives_mtu else {}
    if ports.own_mac:
        back["mac_address"] = None if ports.moves_macs(held.attributes) else port.attributes.get(ports.own_mac)
    view.follow(netns, port.name, back)
    now = view.at(netns).links[port.name].attributes
    asked = {name: link.attributes[name] for name in back if name in link.attributes} if link else {}
    differing = {name: value for name, value in asked.items() if now.get(name) != value}
    if differing:
        view.set(netns, port.name, differing)
    if ports.own_mac and not view.ports_of(netns, held.name):
        _without_ports(view, netns, held, ports)


def _without_ports(view: View, netns: str, held: Link, ports: Ports) -> None:
    """With its last port, a controller loses its MAC address (bond_main.c: __bond_release_one)."""
    view.follow(netns, held.name, {"mac_address": None})
    mac = view.document.namespaces[netns].links.get(held.name, Link(held.name)).attributes.get("mac_address")
    if mac and not ports.moves_macs(held.attributes):
        view.set(netns, held.name, {"mac_address": mac})


def leaves(view: View, netns: str, link: Link, known: Mapping[str, Any]) -> bool:
    """Whether a port will be taken out of a controller that shares its MTU or MAC address with it.

    :param link: as the document has it.
    :param known: its attributes now.
    """
    name = known.get("controller") or ""
    held = view.at(netns).links.get(name)
    ports = (kind_of(held.kind).ports if held else None) or Ports()
    purged = "" if name in view.document.namespaces[netns].purge_ports else name
    return bool(ports.gives_mtu or ports.own_mac) and link.attributes.get("controller", purged) != name


def has_mac(view: View, netns: str, link: Link, mac: str) -> bool:
    """Whether a link has a MAC address, or had it before it was a port, or before its bond's moved to another port.

    :raises InvalidParameter: the kernel would ignore it.
    """
    current = view.at(netns).links[link.name]
    held = view.at(netns).links.get(current.attributes.get("controller") or "")
    if mac in _own(current, held):
        return True
    for controller in (held, current):
        ports = kind_of(controller.kind).ports if controller else None
        if controller is None or ports is None or not ports.moves_macs(controller.attributes):
            continue
        if any(mac in _own(port, controller) for port in (controller, *view.ports_of(netns, controller.name))):
            return True
        if controller is current:
            remedy = f"{controller.name} has that of the port that is active: leave it out"
            raise InvalidParameter(f"{link.where}mac_address", mac, remedy)
    return False


def keeps_mac(view: View, netns: str, name: str) -> bool:
    """Whether a link is a port that gets its MAC address from its controller: to give it another it has to leave."""
    links = view.at(netns).links
    held = links.get(links[name].attributes.get("controller") or "")
    ports = kind_of(held.kind).ports if held else None
    return bool(ports and ports.own_mac)


def _own(link: Link, held: Link | None) -> Iterator[str | None]:
    """The MAC addresses that are a link's own: the present one, and the one that it had before it was a port."""
    yield link.attributes.get("mac_address")
    ports = kind_of(held.kind).ports if held else None
    if ports and ports.own_mac:
        yield link.attributes.get(ports.own_mac)
