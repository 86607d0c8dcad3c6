# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel would refuse, or accept in silence, is refused while planning."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import PARENTS, TAKERS, is_ethernet, one, overhead
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View, parent_place


def check_persist(view: View, netns: str, link: Link) -> None:
    """A TUN or TAP device that is not persistent goes with the last program that holds it."""
    current = view.at(netns).links.get(link.name)
    if link.attributes.get("persist") is False and (current is None or current.attributes.get("persist")):
        remedy = "no program holds it, so the kernel would delete it: leave it true, or say 'state: absent'"
        raise InvalidParameter(f"{link.where}persist", False, remedy)


def check_unique(view: View, netns: str, link: Link) -> None:
    """Two VXLANs of one VNI on one port are refused by the kernel (vxlan_core.c: vxlan_config_validate)."""
    if link.kind != "vxlan":
        return
    wanted = link.attributes
    for other in view.at(netns).links.values():
        same = all(other.attributes.get(name) == wanted[name] for name in ("vni", "port"))
        if other.kind == "vxlan" and same and overhead("vxlan", other.attributes) == overhead("vxlan", wanted):
            remedy = f"{other.name}{place_of(netns)} has this VNI on port {wanted['port']} already: choose another"
            raise InvalidParameter(f"{link.where}vni", wanted["vni"], remedy)


def check_tunnel(view: View, netns: str, link: Link, attributes: Mapping[str, Any]) -> None:
    """What the kernel tells tunnels apart by (ip_tunnel.c: ip_tunnel_find), and what it would not tell us of."""
    if link.kind != "ipip":
        return
    ends = [attributes.get(name) for name in ("local", "remote", "dev")]
    if not any(ends):
        raise InvalidParameter(f"{link.where}remote", None, f"{link.name} needs 'remote', 'local' or 'dev'")
    if attributes.get("ttl") and attributes.get("pmtudisc") is False:
        remedy = f"with ttl {attributes['ttl']} the kernel discovers the path's MTU: leave it true, or give ttl 0"
        raise InvalidParameter(f"{link.where}pmtudisc", False, remedy)
    for other in view.at(netns).links.values():
        known = [other.attributes.get(name) for name in ("local", "remote", "dev")]
        if other.kind == "ipip" and other.name != link.name and known == ends:
            remedy = f"{other.name}{place_of(netns)} has the same ends already: choose another"
            raise InvalidParameter(f"{link.where}remote", attributes.get("remote"), remedy)


def check_taker(view: View, netns: str, link: Link) -> None:
    """What a link receives goes to one taker: macvlans, ipvlans, or the bridge or bond that it is a port of."""
    if link.kind not in TAKERS:
        return
    name, place = link.attributes["parent"], parent_place(netns, link.attributes)
    parent, where = view.at(place).links[name], f"{link.where}parent"
    if parent.kind == link.kind:
        # the kernel would take the parent's parent (macvlan_common_newlink, ipvlan_link_new)
        remedy = f"it is {one(link.kind)} itself: give what it sits on, {parent.attributes.get('parent')}"
        raise InvalidParameter(where, name, remedy)
    if name == "lo" or not is_ethernet(parent.kind, parent.attributes.get("mode")):
        raise InvalidParameter(where, name, f"{one(link.kind)} sits on an Ethernet link")
    controller = parent.attributes.get("controller")
    if controller:
        remedy = f"it is a port of {controller}: take it out there first, or give {controller}"
        raise InvalidParameter(where, name, remedy)
    for at, other in view.on(place, name):
        if other.kind in TAKERS and (at, other.name) != (netns, link.name):
            _check_rival(view, link, at, other)


def _check_rival(view: View, link: Link, at: str, other: Link) -> None:
    where, parent, label = f"{link.where}parent", link.attributes["parent"], f"{other.name}{place_of(at)}"
    if other.kind != link.kind:
        remedy = f"{label} is {one(other.kind)} on it: a link carries macvlans or ipvlans, not both"
        raise InvalidParameter(where, parent, remedy)
    if link.kind == "macvlan" and "passthru" in (link.attributes["mode"], other.attributes["mode"]):
        remedy = f"{label} is on it too, and a macvlan in mode passthru is the only one on its parent"
        raise InvalidParameter(where, parent, remedy)
    if link.kind == "ipvlan":
        desired = view.document.namespaces.get(at, Desired())
        asked = desired.links.get(other.name, other).attributes
        for name in ("mode", "flag"):
            known = asked.get(name, other.attributes[name])
            if known != link.attributes[name]:
                remedy = f"{label} has {known}, and all ipvlans on {parent} have one {name}: change them together"
                raise InvalidParameter(f"{link.where}{name}", link.attributes[name], remedy)


def check_mtu(view: View, netns: str, link: Link, attributes: Mapping[str, Any]) -> None:
    """A link on another one has no larger MTU than that leaves it."""
    mtu, below = link.attributes.get("mtu"), below_of(view, netns, link, attributes)
    limit = below.attributes.get("mtu") if below else None
    if below is None or mtu is None or limit is None:
        return
    takes = overhead(link.kind, attributes)
    if mtu > limit - takes:
        why = f"{below.name} has {limit}" + (f", and {link.kind} takes {takes} of it" if takes else "")
        raise InvalidParameter(f"{link.where}mtu", mtu, f"{why}: at most {limit - takes}")


def below_of(view: View, netns: str, link: Link, attributes: Mapping[str, Any]) -> Link | None:
    """The link that another one sits on, if it has one and that is known."""
    parent = PARENTS.get(link.kind)
    place = parent_place(netns, attributes)
    return view.at(place).links.get(attributes.get(parent) or "") if parent and place in view.state else None
