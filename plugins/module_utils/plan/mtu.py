# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""MTUs: derived from another link's, and refused where another link decides."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model.link import AUTO, Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View, parent_place


def sized(view: View, netns: str, link: Link) -> Link:
    """The link with a derived MTU as a number.

    It is what the link below leaves, or what the one that it names has; of a stored generation, what that was then.
    """
    if link.attributes.get("mtu") != AUTO:
        return link
    current = view.at(netns).links.get(link.name)
    attributes = {**(current.attributes if current else {}), **link.attributes}
    kind = kind_of(link.kind)
    if link.mtu_of and link.resolved_mtu:
        other = view.at("").links.get(link.mtu_of)
    elif link.mtu_of:
        other = view.require("", link.mtu_of, f"{link.where}mtu_of")
    elif attributes.get(kind.parent):
        other = below_of(view, netns, link, attributes)
    else:
        raise InvalidParameter(f"{link.where}mtu", AUTO, f"give {kind.parent}, or a number of bytes")
    sized = copy.copy(link)
    sized.attributes = {name: value for name, value in link.attributes.items() if name != "mtu"}
    if other is not None and other.attributes.get("mtu") is not None:
        sized.attributes["mtu"] = other.attributes["mtu"] - kind.overhead(attributes)
    if link.resolved_mtu:
        _say_if_it_differs(view, netns, link, other, sized.attributes.get("mtu", link.resolved_mtu))
        sized.attributes["mtu"] = link.resolved_mtu
    return sized


def _say_if_it_differs(view: View, netns: str, link: Link, other: Link | None, now: int) -> None:
    """Warn of an MTU that a run would find now, and that is not the one that was found."""
    if other is not None and now != link.resolved_mtu:
        found = f"{other.name} would give link {link.name}{place_of(netns)} an MTU of {now} by now"
        text = f"{found}, and it keeps {link.resolved_mtu}: run the playbook again if that is to change"
        if text not in view.plan.warnings:
            view.warn(text)


def check_mtu(view: View, netns: str, link: Link, attributes: Mapping[str, Any]) -> None:
    """A link on another one has no larger MTU than that leaves it."""
    mtu, below = link.attributes.get("mtu"), below_of(view, netns, link, attributes)
    limit = below.attributes.get("mtu") if below else None
    if below is None or mtu is None or limit is None:
        return
    takes = kind_of(link.kind).overhead(attributes)
    if mtu > limit - takes:
        why = f"{below.name} has {limit}" + (f", and {link.kind} takes {takes} of it" if takes else "")
        raise InvalidParameter(f"{link.where}mtu", mtu, f"{why}: at most {limit - takes}")


def check_ports_mtu(view: View, netns: str, link: Link) -> None:
    """A port has the MTU of its controller, where that gives it to its ports; both are as they will be."""
    links, mtu = view.at(netns).links, sized(view, netns, link).attributes.get("mtu")
    held = links.get(links[link.name].attributes.get("controller") or "")
    ports = kind_of(held.kind).ports if held else None
    if held is None or ports is None or not ports.gives_mtu or mtu in (None, held.attributes.get("mtu", mtu)):
        return
    given = held.attributes["mtu"]
    remedy = f"it is a port of {held.name}, which gives its own MTU of {given} to its ports: give {mtu} to {held.name}"
    raise InvalidParameter(f"{link.where}mtu", mtu, f"{remedy} instead, or leave it out here")


def below_of(view: View, netns: str, link: Link, attributes: Mapping[str, Any]) -> Link | None:
    """The link that another one sits on, if it has one and that is known."""
    parent = kind_of(link.kind).parent
    place = parent_place(netns, attributes)
    return view.at(place).links.get(attributes.get(parent) or "") if parent and place in view.state else None
