# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links: cleared out of the way, created, and changed in place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import LATER, kind_of, one
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Compound, Kind
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of
from ansible_collections.weft.fabric.plugins.module_utils.plan.checks import (
    check_ipv6,
    check_kernel,
    check_names,
    check_own,
    check_taker,
)
from ansible_collections.weft.fabric.plugins.module_utils.plan.moves import fetch, is_orphan, move_peer
from ansible_collections.weft.fabric.plugins.module_utils.plan.mtu import below_of, check_mtu, sized
from ansible_collections.weft.fabric.plugins.module_utils.plan.ports import enslave, take_out
from ansible_collections.weft.fabric.plugins.module_utils.plan.shared import SHARED, has_mac, keeps_mac, leaves
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View, parent_place

_KEPT = ("mac_address", "mtu", "promisc", "controller", "txqueuelen", "ifalias", "altnames", "group")


def clear_way(view: View, netns: str, link: Link) -> None:
    """Delete a link of this name that the kernel cannot turn into the wanted one, or refuse to."""
    current = view.at(netns).links.get(link.name)
    if current is None:
        return
    label = f"link {link.name}{place_of(netns)}"
    reason = _is_another(link, current)
    if reason and not current.kind:
        raise FabricError(f"{label}: {reason}: choose another name")
    if not reason and link.peer and current.peer != link.peer:
        if move_peer(view, netns, link, current):
            return
        there = f"{current.peer[1]}{place_of(current.peer[0])}, " if current.peer else ""
        reason = f"its other end is {there}not {link.peer[1]}{place_of(link.peer[0]) or ' here'}"
    reason = reason or _differs(link, current)
    if not reason:
        return
    if not link.recreate and not is_orphan(view, netns, link, current):
        raise FabricError(
            f"{label}: {reason}; the kernel cannot change that: delete it first, or where the link takes it, "
            "'recreate: true' deletes it and makes it again"
        )
    view.remade[netns, link.name] = _kept(view, netns, link, current)
    view.parted[netns, link.name] = [port.name for port in view.ports_of(netns, link.name)]
    view.do("delete", netns, current)
    view.forget(netns, link.name, remade=True)


def _kept(view: View, netns: str, link: Link, current: Link) -> dict[str, Any]:
    """What a link that is made again keeps without being asked, as far as the new one can have it."""
    kind, attributes = kind_of(link.kind), {**current.attributes, **link.attributes}
    kept = {
        name: current.attributes[name]
        for name in _KEPT
        if name not in kind.options and current.attributes.get(name) not in (None, "", False, [])
    }
    if not kind.has_own_mac(attributes.get("mode")):
        kept.pop("mac_address", None)
    below = below_of(view, netns, link, attributes)
    limit = below.attributes.get("mtu") if below else None
    if limit is not None and kept.get("mtu", 0) > limit - kind.overhead(attributes):
        del kept["mtu"]
    return kept


def _is_another(link: Link, current: Link) -> str:
    """Why a link is not the wanted one at all; empty: it is."""
    if link.origin and current.attributes.get("ifalias") != link.origin[1]:
        return f"it is another interface than {link.origin[1]}"
    if not link.origin and link.kind and current.kind != link.kind:
        return f"it is {one(current.kind or 'NIC or another kind of link')}, not {one(link.kind)}"
    return ""


def _differs(link: Link, current: Link) -> str:
    """The attributes that the kernel cannot change from one value to the other, as text."""
    wanted, known = link.attributes, current.attributes
    if current.nsid is not None and "parent_netns" in wanted and known.get("parent_netns") is None:
        return "its packets pass through another namespace"
    stuck = {*kind_of(link.kind).stuck(wanted, known)}
    return "; ".join(
        f"{name} is {_text(known[name])}, not {_text(wanted[name])}"
        for name, option in kind_of(link.kind).options.items()
        if name in wanted and (name in stuck or option.keeps(known.get(name, wanted[name]), wanted[name]))
    )


def make_or_change(view: View, netns: str, link: Link) -> None:
    """Create a link that is missing, and change in place what differs."""
    wanted = sized(view, netns, _with_defaults(view, netns, view.asked(netns, link)))
    check_kernel(view, wanted)
    check_own(view, netns, wanted)
    if link.name not in view.at(netns).links:
        _create(view, netns, wanted)
    _change(view, netns, wanted)


def _with_defaults(view: View, netns: str, link: Link) -> Link:
    """A link that is about to be made, with what its kind gives it; one that is there keeps what it has."""
    if link.name in view.at(netns).links:
        return link
    kind = kind_of(link.kind)
    sent, _ends = kind.besides(link.attributes, {})
    return replace(link, attributes={**kind.defaults, **link.attributes, **sent})


def _create(view: View, netns: str, link: Link) -> None:
    if link.origin:
        fetch(view, netns, link, link.origin)
        return
    if not link.kind:
        view.require(netns, link.name, f"{link.where}name")
        return
    values.ifname(f"{link.where}name", link.name)
    kind = kind_of(link.kind)
    if kind.peer and not link.peer:
        remedy = f"{link.kind} {link.name} does not exist yet: name its other end"
        raise InvalidParameter(f"{link.where}peer", None, remedy)
    for name, option in kind.options.items():
        if option.link and name in link.attributes:
            view.require(parent_place(netns, link.attributes), link.attributes[name], f"{link.where}{name}")
    check_taker(view, netns, link)
    check_mtu(view, netns, link, link.attributes)
    made = _created(view, link)
    peer = None
    if link.peer:
        place, name = link.peer
        peer = _created(view, sized(view, place, view.document.namespaces[place].links[name]))
        view.at(place).links[name] = _blank(view, peer)
    view.do("create", netns, None, made, peer=peer)
    view.at(netns).links[link.name] = _blank(view, made)
    if kind.follows_ports and "mtu" in made.attributes:
        view.set(netns, link.name, {"mtu": made.attributes["mtu"]}, shown=False)


def _created(view: View, link: Link) -> Link:
    """The link as it is asked for when it is made.

    What needs other links comes later, and what the kernel ignores of a new one (rtnl_create_link).
    """
    kind = kind_of(link.kind)
    later = {*LATER, "altnames", "ifalias", *(kind.options if kind.control and not kind.control.makes else ())}
    attributes = {
        name: value
        for name, value in link.attributes.items()
        if name not in later and not _goes_without_saying(kind, name, value, None)
    }
    return Link(link.name, link.kind, attributes, link.peer, where=link.where)


def _goes_without_saying(kind: Kind, name: str, value: Any, known: Any) -> bool:
    """Whether a link has a value anyway that the kernel may refuse to be told."""
    option = kind.options.get(name)
    return option is not None and bool(option.needs) and known is None and value in option.usual


def _blank(view: View, link: Link) -> Link:
    attributes = {"admin_state": "down", "controller": "", **link.attributes}
    return Link(link.name, link.kind, attributes, link.peer, index=-1)


def _change(view: View, netns: str, link: Link) -> None:
    """Change in place what differs."""
    current, kind = view.at(netns).links[link.name], kind_of(link.kind)
    sent, ends = kind.besides(link.attributes, current.attributes)
    wanted = {**_differing(view, netns, link, current), **sent}
    wanted = {name: value for name, value in wanted.items() if ends.get(name, ...) != value}
    _check_named(view, netns, link, wanted)
    if not link.resolved_mtu or "mtu" in wanted:  # the kernel lets a link have what it has
        check_mtu(view, netns, link, {**current.attributes, **link.attributes})
    check_ipv6(view, netns, link)
    if "altnames" in wanted:
        check_names(view, netns, link, wanted["altnames"])
    if wanted.keys() & kind.options.keys():
        check_taker(view, netns, link)
    if "mac_address" in wanted and keeps_mac(view, netns, link.name):
        controller = take_out(view, netns, link.name, shown=False)
        _change_in_place(view, netns, link, wanted)
        enslave(view, netns, link.name, controller)
    elif wanted:
        _change_in_place(view, netns, link, wanted)
    if ends:
        view.follow(netns, link.name, ends)


def _check_named(view: View, netns: str, link: Link, wanted: Mapping[str, Any]) -> None:
    """Refuse other links that a link is to have and cannot.

    :raises FabricError: a link is missing.
    :raises InvalidParameter: its parent sits on it.
    """
    kind, place = kind_of(link.kind), parent_place(netns, link.attributes)
    for name in wanted:
        if name in kind.options and kind.options[name].link:
            view.require(place, wanted[name], f"{link.where}{name}")
        if name == kind.parent and place == netns and view.sits_on(netns, wanted[name], link.name):
            raise InvalidParameter(f"{link.where}{name}", wanted[name], f"it sits on {link.name} itself")


def _differing(view: View, netns: str, link: Link, current: Link) -> dict[str, Any]:
    """What a link is asked to be and is not, but for what is set once all links are there."""
    kind, wanted = kind_of(link.kind), {}
    later = (*LATER, *(SHARED if leaves(view, netns, link, current.attributes) else ()))
    for name, value in link.attributes.items():
        known = current.attributes.get(name)
        whole = _whole(link, name, value, known)
        if name in later or whole == known or _goes_without_saying(kind, name, value, known):
            continue
        if name != "mac_address" or not has_mac(view, netns, link, value):
            wanted[name] = whole
    return wanted


def _whole(link: Link, name: str, value: Any, known: Any) -> Any:
    """What an attribute will be: what is asked for, and parts that nobody asked for."""
    if isinstance(value, Compound):
        return value.over(known)
    if name == "altnames" and not link.kind:  # udev names NICs
        return sorted({*(known or ()), *value})
    return value


def _change_in_place(view: View, netns: str, link: Link, wanted: Mapping[str, Any]) -> None:
    """Change attributes, where necessary while the link is down, or without its ports."""
    current, options = view.at(netns).links[link.name], kind_of(link.kind).options
    needs = [options[name] for name in wanted if name in options]
    if any(option.down for option in needs) and current.attributes["admin_state"] == "up":
        view.set(netns, link.name, {"admin_state": "down"}, shown=False)
    ports = view.ports_of(netns, link.name)
    if not ports or not any(option.empty for option in needs):
        _set_attributes(view, netns, link, wanted)
        return
    for port in ports:
        view.set(netns, port.name, {"controller": ""}, shown=False)
    _set_attributes(view, netns, link, wanted)
    # With its last port it lost its MAC address (bond_main.c: __bond_release_one).
    now = {**current.attributes, **wanted}
    controller = kind_of(link.kind).ports
    if controller and not controller.moves_macs(now):
        view.set(netns, link.name, {"mac_address": now["mac_address"]}, shown=False)
    for port in ports:
        enslave(view, netns, port.name, link.name)


def _set_attributes(view: View, netns: str, link: Link, wanted: Mapping[str, Any]) -> None:
    """The kind's options, then what every link has: a VXLAN refuses both in one request (vxlan_nl2conf); then names."""
    kind = kind_of(link.kind)
    own, common = _split(wanted, kind.options)
    if kind.parent in own and link.attributes.get("parent_netns") is not None:
        own["parent_netns"] = link.attributes["parent_netns"]  # where the kernel looks for it
    if own and kind.whole:
        known = view.at(netns).links[link.name].attributes
        own = {name: own.get(name, known.get(name)) for name in kind.options}
    first, then = _split(own, [name for name, value in own.items() if value in kind.options[name].first_values])
    names, common = _split(common, ["altnames"])
    for part in (first, then, common, names):
        if part:
            view.set(netns, link.name, part)


def _split(attributes: Mapping[str, Any], names: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The attributes with these names, and all others."""
    own = {name: value for name, value in attributes.items() if name in names}
    return own, {name: value for name, value in attributes.items() if name not in own}


def _text(value: Any) -> str:
    return "none" if value is None else str(value) or "''"
