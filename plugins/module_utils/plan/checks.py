# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the kernel would refuse, or accept in silence, is refused while planning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import NAMES, PORT_KINDS, PORT_OPTIONS, kind_of, one
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Fault, Kind, Option, refuse
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.links import check_modes
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.plan.view import View, parent_place


def check_kernel(view: View, link: Link) -> None:
    """What the kernel lacks, as far as it shows this by the links that there are.

    :raises InvalidParameter: for the first option that needs it.
    """
    for name, kind, option in needs(link):
        if lacks(kind, option, (other for state in view.observed.values() for other in state.links.values())):
            raise InvalidParameter(f"{link.where}{name}", link.attributes[name], option.lack)


def needs(link: Link) -> Iterator[tuple[str, Kind, Option]]:
    """The attributes of a link that not every kernel has, with their options and the kinds of these."""
    for name, value in link.attributes.items():
        kind = kind_of(link.kind if name in kind_of(link.kind).options else PORT_KINDS.get(name, ""))
        option = kind.options.get(name) or PORT_OPTIONS.get(name)
        if option is not None and option.needs and value:
            yield name, kind, option


def lacks(kind: Kind, option: Option, links: Iterable[Link]) -> bool:
    """Whether the kernel lacks what an option of a kind needs, as far as links of that kind show this."""
    signs = [other for other, known in kind.options.items() if known.sign and known.needs == option.needs]
    return any(link.attributes.get(sign, ...) is None for link in links if link.kind == kind.name for sign in signs)


def check_own(view: View, netns: str, link: Link) -> None:
    """What a kind says of a link that is about to be made or changed, and of two of its links in one namespace.

    :raises InvalidParameter: for the first that is wrong.
    """
    kind, current = kind_of(link.kind), view.at(netns).links.get(link.name)
    known = current.attributes if current else {}
    attributes = {**known, **link.attributes}
    refuse(link.where, attributes, kind.check_all(link.attributes, current.attributes if current else None))
    check_modes(link, attributes.get("mode"))
    told = (*kind.options, "admin_state")
    if kind.clash and any(known.get(name) != value for name, value in link.attributes.items() if name in told):
        _check_clashes(view, netns, link, attributes, kind.clash)


def _check_clashes(
    view: View,
    netns: str,
    link: Link,
    attributes: Mapping[str, Any],
    clash: Callable[[Mapping[str, Any], Mapping[str, Any]], Iterable[Fault]],
) -> None:
    """What two links of a kind cannot share whose packets are in one namespace, wherever the links are themselves."""
    below = parent_place(netns, attributes)
    for place, state in view.state.items():
        asked = view.document.namespaces.get(place, Desired()).links
        for other in state.links.values():
            same = (place, other.name) == (netns, link.name)
            if other.kind == link.kind and not same and parent_place(place, other.attributes) == below:
                up = asked.get(other.name, other).attributes.get("admin_state", other.attributes.get("admin_state"))
                faults = clash(attributes, {**other.attributes, "admin_state": up})
                refuse(link.where, attributes, faults, f"{other.name}{place_of(place)} ")


def check_names(view: View, netns: str, link: Link, names: Sequence[str]) -> None:
    """A name is the name of one link, be it its own or an alternative one."""
    if link.name in names:
        raise InvalidParameter(f"{link.where}altnames", link.name, "it is the own name of the interface: leave it out")
    for other in view.at(netns).links.values():
        taken = {*names} & {other.name, *(other.attributes.get("altnames") or ())}
        if taken and other.name != link.name:
            raise InvalidParameter(f"{link.where}altnames", min(taken), f"it is a name of {other.name}: choose another")


def check_taker(view: View, netns: str, link: Link) -> None:
    """What a link receives goes to one taker: macvlans, ipvlans, or the bridge or bond that it is a port of."""
    if not kind_of(link.kind).takes_all:
        return
    known = view.at(netns).links.get(link.name)
    link = replace(link, attributes={**(known.attributes if known else {}), **link.attributes})
    name, place = link.attributes["parent"], parent_place(netns, link.attributes)
    parent, where = view.at(place).links[name], f"{link.where}parent"
    if parent.kind == link.kind:
        # the kernel would take the parent's parent (macvlan_common_newlink, ipvlan_link_new)
        remedy = f"it is {one(link.kind)} itself: give what it sits on, {parent.attributes.get('parent')}"
        raise InvalidParameter(where, name, remedy)
    if name == "lo" or not kind_of(parent.kind).is_ethernet(parent.attributes.get("mode")):
        raise InvalidParameter(where, name, f"{one(link.kind)} sits on an Ethernet link")
    controller = taken_by(view.at(place), parent)
    if controller:
        remedy = f"it is a port of {controller}: take it out there first, or give {controller}"
        raise InvalidParameter(where, name, remedy)
    for at, other in view.on(place, name):
        if kind_of(other.kind).takes_all and (at, other.name) != (netns, link.name):
            _check_rival(view, link, at, other)


def taken_by(state: Observed, link: Link) -> str:
    """The controller that takes all that a link receives, if there is one."""
    controller: str = link.attributes.get("controller") or ""
    held = state.links.get(controller)
    ports = kind_of(held.kind).ports if held else None
    return controller if ports is None or ports.takes_all else ""


def _check_rival(view: View, link: Link, at: str, other: Link) -> None:
    label = f"{other.name}{place_of(at)}"
    if other.kind != link.kind:
        takers = " or ".join(f"{name}s" for name in NAMES if kind_of(name).takes_all)
        remedy = f"{label} is {one(other.kind)} on it: a link carries {takers}, not both"
        raise InvalidParameter(f"{link.where}parent", link.attributes["parent"], remedy)
    desired = view.document.namespaces.get(at, Desired())
    asked = desired.links.get(other.name, other).attributes
    faults = kind_of(link.kind).rival(link.attributes, {**other.attributes, **asked})
    refuse(link.where, link.attributes, faults, f"{label} ")


def check_ipv6(view: View, netns: str, link: Link) -> None:
    """A link that has IPv6 addresses keeps an MTU that IPv6 works with: below that, the kernel removes them."""
    mtu = link.attributes.get("mtu")
    if mtu is None or mtu >= values.IPV6_MTU:
        return
    desired = view.document.namespaces.get(netns, Desired())
    for address in view.at(netns).addresses.values():
        purged = link.name in desired.purge_addresses and not (address.state and address.state.foreign)
        if (
            address.dev == link.name
            and ":" in address.address
            and not address.address.startswith("fe80:")
            and not purged
        ):
            remedy = f"{link.name} has {address.address}, and IPv6 needs at least {values.IPV6_MTU} bytes"
            raise InvalidParameter(f"{link.where}mtu", mtu, f"{remedy}: remove the address first")
