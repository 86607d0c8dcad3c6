# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports: taken out of a bridge or bond, put into one, and brought up."""

from __future__ import annotations

from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import (
    NAMES,
    PORT_KINDS,
    PORT_OPTIONS,
    any_of,
    kind_of,
    one,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import BRIDGE, PORT, Ports
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.plan.mtu import check_ports_mtu
from ansible_collections.weft.fabric.plugins.module_utils.plan.shared import join, leave
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View


def release(view: View, netns: str, desired: Desired) -> None:
    """Take out the ports that an authoritative list does not name."""
    for controller in desired.purge_ports:
        for port in list(view.at(netns).links.values()):
            if port.attributes.get("controller") == controller:
                wanted = desired.links.get(port.name)
                if wanted is None or wanted.attributes.get("controller") != controller:
                    free(view, netns, port.name, wanted)
        _check_list(desired, controller)


def _check_list(desired: Desired, controller: str) -> None:
    """A link that says that it is a port is in an authoritative list, if there is one."""
    ports = [link for link in desired.links.values() if link.attributes.get("controller") == controller]
    listed = [link.name for link in ports if link.name in desired.claimed]
    for link in ports:
        if listed and link.name not in listed:
            remedy = f"{controller} has purge_ports, and lists only {', '.join(listed)}: list {link.name} there too"
            raise InvalidParameter(f"{link.where}controller", controller, remedy)


def free(view: View, netns: str, port: str, link: Link | None = None) -> None:
    """Take a port out; one that its controller leaves down, which nobody asked for, is brought up again.

    :param link: as the document has it; None: the document does not list it.
    """
    up = view.at(netns).links[port].attributes.get("admin_state") == "up"
    held = view.at(netns).links.get(take_out(view, netns, port, link))
    ports = kind_of(held.kind).ports if held else None
    if up and ports and ports.left_down:
        view.set(netns, port, {"admin_state": "up"}, shown=False)


def take_out(view: View, netns: str, port: str, link: Link | None = None, shown: bool | None = None) -> str:
    """Take a port out of its controller; the controller's name."""
    before = view.at(netns).links[port]
    controller: str = before.attributes["controller"]
    view.set(netns, port, {"controller": ""}, shown)
    leave(view, netns, before, view.at(netns).links.get(controller), link)
    return controller


def attach_and_raise(view: View, netns: str, link: Link) -> None:
    """Give a link its controller, then bring it up (or down)."""
    link = view.asked(netns, link)
    wanted = view.document.namespaces[netns].links
    for port in view.parted.pop((netns, link.name), ()):
        if port in view.at(netns).links and "controller" not in wanted.get(port, Link(port)).attributes:
            enslave(view, netns, port, link.name)
    attributes = view.at(netns).links[link.name].attributes
    controller = link.attributes.get("controller")
    if controller is not None and controller != attributes.get("controller"):
        if controller:
            enslave(view, netns, link.name, controller, link)
        else:
            free(view, netns, link.name, link)
    check_ports_mtu(view, netns, link)
    _set_port(view, netns, link)
    attributes = view.at(netns).links[link.name].attributes
    state = link.attributes.get("admin_state")
    if state is None:
        state = view.observed[netns].links.get(link.name, link).attributes.get("admin_state")
    if state is not None and state != attributes.get("admin_state"):
        view.set(netns, link.name, {"admin_state": state})


def _set_port(view: View, netns: str, link: Link) -> None:
    """What a link is as a port: only once it is one."""
    attributes = view.at(netns).links[link.name].attributes
    held = view.at(netns).links.get(attributes.get("controller") or "")
    wanted: dict[str, dict[str, Any]] = {PORT: {}, BRIDGE: {}}
    for name, option in PORT_OPTIONS.items():
        value = link.attributes.get(name)
        if value in (None, attributes.get(name, option.unsaid)):
            continue
        if held is None or (held.kind != PORT_KINDS[name] and held.index):
            remedy = f"only {one(PORT_KINDS[name])}'s port has it: give its controller"
            raise InvalidParameter(f"{link.where}{name}", value, remedy)
        wanted[option.place][name] = value
    ports = held and kind_of(held.kind).ports
    if wanted[BRIDGE] and ports:
        asked = {name: value for name, value in link.attributes.items() if name in PORT_OPTIONS}
        wanted[BRIDGE] = ports.settle(asked, attributes)
    for part in wanted.values():
        if part:
            view.set(netns, link.name, part)


def enslave(view: View, netns: str, port: str, controller: str, link: Link | None = None) -> None:
    """Put a link into a controller.

    :param link: as the document has it; None: the document does not list it.
    """
    where = f"{link.where}controller" if link else "controller"
    target = view.require(netns, controller, where)
    current = view.at(netns).links[port]
    held = current.attributes.get("controller")
    if link and held and port in view.document.namespaces[netns].claimed:
        remedy = f"{port} is a port of {held}: take it out there first (controller: '')"
        raise InvalidParameter(where, port, remedy)
    if view.sits_on(netns, port, controller):
        raise InvalidParameter(where, controller, f"{port} sits on it, so it cannot be a port of it")
    ports = kind_of(target.kind).ports or Ports()
    if target.index:
        _check_port(view, netns, current, target, where)
    if ports.join_down and current.attributes.get("admin_state") == "up":
        view.set(netns, port, {"admin_state": "down"}, shown=False)
        view.set(netns, port, {"controller": controller})
        view.set(netns, port, {"admin_state": "up"}, shown=False)
    else:
        view.set(netns, port, {"controller": controller})
    join(view, netns, port, controller)
    if netns in view.losses:
        # Imported only here: most changes take nothing along.
        from ansible_collections.weft.fabric.plugins.module_utils.plan.restore import restore_port

        restore_port(view, netns, port)


def _check_port(view: View, netns: str, port: Link, controller: Link, where: str) -> None:
    """Whether a controller takes a link as its port."""
    ports = kind_of(controller.kind).ports
    if ports is None:
        controllers = any_of([name for name in NAMES if kind_of(name).ports])
        remedy = f"it is {one(controller.kind or 'NIC')}, which has no ports: give {controllers}"
        raise InvalidParameter(where, controller.name, remedy)
    if ports.ethernet and not kind_of(port.kind).is_ethernet(port.attributes.get("mode")):
        remedy = f"{port.name} carries IP packets, no Ethernet frames, so it cannot be a port"
        raise InvalidParameter(where, controller.name, remedy)
    taker = next((other for _place, other in view.on(netns, port.name) if kind_of(other.kind).takes_all), None)
    if taker and ports.takes_all:
        remedy = f"{port.name} carries {taker.kind} {taker.name}, so it cannot be a port"
        raise InvalidParameter(where, controller.name, remedy)
    if port.kind == controller.kind and not ports.own_kind:
        remedy = f"{one(port.kind)} cannot be a port of {controller.kind} {controller.name}: join them with a veth pair"
        raise InvalidParameter(where, port.name, remedy)
