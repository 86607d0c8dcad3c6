# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of a document, from their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import NAMES, PORT_KINDS, PORT_OPTIONS, kind_of, one
from ansible_collections.weft.fabric.plugins.module_utils.kinds.attributes import ATTRIBUTES
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Kind, refuse
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import AUTO, Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import place_of
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal
from ansible_collections.weft.fabric.plugins.module_utils.values import IPV6_MTU

# The parameters of every link, and of every port.
_OPTIONS = {name: option for name, option in {**ATTRIBUTES, **PORT_OPTIONS}.items() if option.spec is not None}
_ALIASES = {alias: name for name, option in _OPTIONS.items() for alias in (option.spec or {}).get("aliases", ())}
_LINK = ("name", "kind", *_OPTIONS, "mtu_of", "addresses", "expects", "purge_addresses", "recreate")
_PEER = ("name", "netns", *_OPTIONS, "mtu_of", "addresses")


def add_link(document: Document, netns: str, item: Mapping[str, Any], where: str = "") -> None:
    """Add a link, its ports, its addresses and the other end of a pair to a document.

    :param item: the link's parameters by name; None counts as not given.
    :param where: prefix of parameter names in messages: ``namespaces.pod1.links[0].``.
    :raises InvalidParameter: for the first that is wrong.
    """
    item = _given(item)
    name = item.get("kind", "")
    if name != "":
        values.choice(f"{where}kind", name, NAMES)
    if item.pop("state", "present") == "absent":
        _add_removal(document, netns, item, where)
        return
    kind = kind_of(name)
    values.known(where, item, _known(kind), f"a link of kind {name}" if name else "a link without kind")
    link = _link(netns, item, kind, where)
    if link.mtu_of:
        document.at("")
    if not document.absent:
        _check_complete(link, kind, where)
    if "origin" in item:
        link.origin = _origin(netns, link, values.mapping(f"{where}origin", item["origin"]), where)
        document.at(link.origin[0])
    merge(document, netns, link)
    if link.attributes.get("parent_netns") is not None:
        document.at(link.attributes["parent_netns"])
    desired = document.at(netns)
    listed = document.purge and name and "addresses" in item
    if values.boolean(f"{where}purge_addresses", item.get("purge_addresses", bool(listed))):
        desired.purge_addresses.add(link.name)
    _addresses(desired, link, item, where)
    for index, value in enumerate(values.items(f"{where}expects", item.get("expects"))):
        desired.expected.add((link.name, values.address(f"{where}expects[{index}]", value)))
    _add_ports(document, netns, link, item, where)
    if "peer" in item:
        _add_peer(document, netns, link, values.mapping(f"{where}peer", item["peer"]), where)


def _check_complete(link: Link, kind: Kind, where: str) -> None:
    """Refuse a link that lacks something which its kind needs."""
    missing = [option for option in kind.required if option not in link.attributes]
    refuse(where, link.attributes, [(option, f"{one(kind.name)} needs it") for option in missing])
    if kind.either and not any(link.attributes.get(option) not in (None, False) for option in kind.either):
        remedy = f"{one(kind.name)} needs {' or '.join(kind.either)}"
        refuse(where, link.attributes, [(kind.either[0], remedy)])


def _given(item: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that were given, without aliases."""
    return {_ALIASES.get(name, name): value for name, value in values.given(item).items()}


def _known(kind: Kind) -> tuple[str, ...]:
    """The parameters that a link of a kind takes."""
    ports = ("ports", "purge_ports", "shared") if kind.ports else ()
    ends = ("peer",) if kind.peer else () if kind.name else ("origin",)
    own = [name for name, option in kind.options.items() if option.spec is not None]
    return (*_LINK, *own, *ports, *ends)


def _add_removal(document: Document, netns: str, item: Mapping[str, Any], where: str) -> None:
    values.known(where, item, ("name", "kind"), "a link that is to be gone")
    kind = item.get("kind", "")
    if not kind:
        raise InvalidParameter(f"{where}kind", kind, "say what kind of link it is, so that no other one goes")
    link = Link(values.link_name(f"{where}name", item.get("name")), kind, where=where)
    document.removals.append(Removal(netns, link, strict=True))


def _add_ports(document: Document, netns: str, link: Link, item: Mapping[str, Any], where: str) -> None:
    desired = document.at(netns)
    for index, port in enumerate(values.items(f"{where}ports", item.get("ports"))):
        name = values.link_name(f"{where}ports[{index}]", port)
        if name == link.name:
            raise InvalidParameter(f"{where}ports[{index}]", port, f"{one(link.kind)} cannot be a port of itself")
        if not document.absent:
            merge(document, netns, Link(name, "", {"controller": link.name}, where=f"{where}ports[{index}]."))
            desired.claimed.add(name)
    if values.boolean(f"{where}purge_ports", item.get("purge_ports", False)):
        desired.purge_ports.add(link.name)


def _link(netns: str, item: Mapping[str, Any], kind: Kind, where: str) -> Link:
    link = Link(_name(f"{where}name", item.get("name")), kind.name, where=where)
    for name, option in {**kind.options, **_OPTIONS, **kind.options}.items():  # a kind's own come first, and count
        if name in item:
            here, value = f"{where}{name}", item[name]
            link.attributes[name] = _mtu(here, value, kind, item) if name == "mtu" else option.parse(here, value)
    if "parent_netns" in kind.options and kind.parent in item and link.attributes.get("parent_netns", netns) == netns:
        link.attributes["parent_netns"] = None
    if "mtu_of" in item:
        link.mtu_of = values.link_name(f"{where}mtu_of", item["mtu_of"])
        if link.attributes.get("mtu") != AUTO:
            raise InvalidParameter(f"{where}mtu_of", link.mtu_of, "give mtu: auto with it")
    link.recreate = values.boolean(f"{where}recreate", item.get("recreate", False))
    link.shared = values.boolean(f"{where}shared", item.get("shared", False))
    _check_link(link, kind, where)
    return link


def _name(where: str, value: Any) -> str:
    """A name that a link is found by; those that the kernel keeps for itself are refused."""
    found = values.link_name(where, value)
    return found if len(found.encode()) > values.LONGEST_IFNAME else values.ifname(where, found)


def _origin(netns: str, link: Link, item: Mapping[str, Any], where: str) -> tuple[str, str]:
    item = values.given(item)
    values.known(f"{where}origin.", item, ("name", "netns"), "an interface's origin")
    place = item.get("netns", "")
    if place != "":
        place = values.namespace(f"{where}origin.netns", place)
    if place == netns:
        raise InvalidParameter(f"{where}origin.netns", place, "give another namespace than the one it comes to")
    return place, values.link_name(f"{where}origin.name", item.get("name", link.name))


def _mtu(where: str, value: Any, kind: Kind, item: Mapping[str, Any]) -> int | str:
    if value != AUTO:
        return values.integer(where, value, *kind.mtu, "bytes")
    if not kind.parent and "mtu_of" not in item:
        on_another = ", ".join(name for name in NAMES if kind_of(name).parent)
        raise InvalidParameter(where, value, f"only a link on another one ({on_another}) or with mtu_of can derive it")
    return AUTO


def _check_link(link: Link, kind: Kind, where: str) -> None:
    """What one link's parameters have to say to each other."""
    wanted = link.attributes
    mode = wanted.get("mode")
    faults = []
    if wanted.get("controller") == link.name:
        faults.append(("controller", "a link cannot be a port of itself"))
    if "mac_address" in wanted and not kind.has_own_mac(mode):
        faults.append(("mac_address", f"{one(link.kind)} has none of its own"))
    if kind.parent and wanted.get(kind.parent) == link.name and wanted.get("parent_netns") is None:
        faults.append((kind.parent, f"{one(link.kind)} cannot sit on itself"))
    faults += [
        (group[-1], f"{one(link.kind)} has one of {', '.join(group)}, not both")
        for group in kind.exclusive
        if all(name in wanted for name in group)
    ]
    for name in dict.fromkeys(PORT_KINDS[name] for name in wanted if name in PORT_KINDS):
        ports = kind_of(name).ports
        faults += ports.check(wanted) if ports else ()
    refuse(where, wanted, [*faults, *kind.check(wanted)])
    check_modes(link, mode)


def check_modes(link: Link, mode: str | None) -> None:
    """Refuse options that a link does not have in a mode.

    :param mode: None: it is not known yet.
    """
    for name, option in kind_of(link.kind).options.items():
        if option.modes and name in link.attributes and mode not in (None, *option.modes):
            remedy = f"mode {mode} has none: it is for {', '.join(option.modes)}"
            raise InvalidParameter(f"{link.where}{name}", link.attributes[name], remedy)


def _addresses(desired: Desired, link: Link, item: Mapping[str, Any], where: str) -> None:
    listed = values.items(f"{where}addresses", item.get("addresses"))
    if not listed:
        return
    # Imported only here: Python compiles all imports in each call, and most links have no addresses.
    from ansible_collections.weft.fabric.plugins.module_utils.model.address import parse_own

    for index, value in enumerate(listed):
        here = f"{where}addresses[{index}]"
        address = parse_own(link.name, value, here)
        mtu = link.attributes.get("mtu")
        if ":" in address.address and isinstance(mtu, int) and mtu < IPV6_MTU:
            raise InvalidParameter(f"{where}mtu", mtu, f"IPv6 ({address.address}) needs at least {IPV6_MTU} bytes")
        desired.add_address(address, here)


def _add_peer(document: Document, netns: str, link: Link, item: Mapping[str, Any], where: str) -> None:
    item = _given(item)
    if "namespace" in item:
        item["netns"] = item.pop("namespace")
    here, kind = f"{where}peer.", kind_of(link.kind)
    values.known(here, item, _PEER, f"{one(kind.name)}'s peer")
    other = item.get("netns", netns)
    if other != "":
        other = values.namespace(f"{here}netns", other)
    peer = _link(other, {key: value for key, value in item.items() if key != "netns"}, kind, here)
    if (other, peer.name) == (netns, link.name):
        raise InvalidParameter(
            f"{here}name", peer.name, f"the two ends of {one(kind.name)} in one namespace have different names"
        )
    peer.recreate, peer.is_peer = link.recreate, True
    peer.peer, link.peer = (netns, link.name), (other, peer.name)
    merge(document, other, peer)
    merge(document, netns, link)  # again, because the document may have spoken of it before: as a port, or from there
    _addresses(document.at(other), peer, item, here)
    if link.name in document.at(netns).purge_addresses or (document.purge and "addresses" in item):
        document.at(other).purge_addresses.add(peer.name)


def merge(document: Document, netns: str, link: Link) -> None:
    """Add a link to a document, or to what the document already says of it.

    :raises InvalidParameter: the two contradict each other.
    """
    links = document.at(netns).links
    known = links.setdefault(link.name, link)
    if known is link:
        return
    _check_same(known, link, place_of(netns))
    if link.kind and not known.kind:
        known.kind, known.where = link.kind, link.where
    known.peer = known.peer or link.peer
    known.is_peer = known.is_peer or link.is_peer
    known.origin = known.origin or link.origin
    known.recreate = known.recreate or link.recreate
    known.shared = known.shared or link.shared
    known.mtu_of = known.mtu_of or link.mtu_of
    known.attributes.update(link.attributes)


def _check_same(known: Link, link: Link, place: str) -> None:
    """What is said of a link in two places does not contradict itself."""
    if known.kind and link.kind and known.kind != link.kind:
        raise InvalidParameter(f"{link.where}kind", link.kind, f"{link.name}{place} is listed as {one(known.kind)} too")
    if known.peer and link.peer and known.peer != link.peer:
        remedy = f"it is listed twice{place}, with different peers: name each {known.kind} once"
        raise InvalidParameter(f"{link.where}name", link.name, remedy)
    for name, value in link.attributes.items():
        if known.attributes.get(name, value) != value:
            remedy = f"{link.name}{place} is listed twice, with {name} {known.attributes[name]} too: keep one"
            raise InvalidParameter(f"{link.where}{name}", value, remedy)


def complete(document: Document) -> None:
    """Give links what nobody asked for but everybody means: only now, since a veth's end may be listed twice."""
    for desired in document.namespaces.values():
        for link in desired.links.values():
            if link.kind or link.origin:
                link.attributes = {"admin_state": "up", **link.attributes}
