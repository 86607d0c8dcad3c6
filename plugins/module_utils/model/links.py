# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links of a document, from their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds import (
    CONTROLLERS,
    DEFAULTS,
    KINDS,
    OPTION_MODES,
    PARENTS,
    PORT_OPTIONS,
    REQUIRED,
    is_ethernet,
    one,
    own_mac,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.address import Address
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Desired, Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import AUTO, Link
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import Removal
from ansible_collections.weft.fabric.plugins.module_utils.values import IPV4_MTU, IPV6_MTU

_COMMON = ("admin_state", "mtu", "mac_address", "promisc", "controller", *PORT_OPTIONS, "addresses")
_LINK = ("name", "kind", *_COMMON, "purge_addresses", "recreate")
_PEER = ("name", "netns", *_COMMON)


def add_link(document: Document, netns: str, item: Mapping[str, Any], where: str = "") -> None:
    """Add a link, its ports, its addresses and a veth's other end to a document.

    :param item: the link's parameters by name; None counts as not given.
    :param where: prefix of parameter names in messages: ``namespaces.pod1.links[0].``.
    :raises InvalidParameter: for the first that is wrong.
    """
    item = values.given(item)
    if "master" in item:
        item["controller"] = item.pop("master")
    kind = item.get("kind", "")
    if kind != "":
        values.choice(f"{where}kind", kind, KINDS)
    if item.pop("state", "present") == "absent":
        values.known(where, item, ("name", "kind"), "a link that is to be gone")
        if not kind:
            raise InvalidParameter(f"{where}kind", kind, "say what kind of link it is, so that no other one goes")
        link = Link(values.ifname(f"{where}name", item.get("name")), kind, where=where)
        document.removals.append(Removal(netns, link, strict=True))
        return
    options = KINDS.get(kind, {})
    ports = ("ports", "purge_ports") if kind in CONTROLLERS else ()
    shared = ("shared",) if kind == "bridge" else ()
    peer = ("peer",) if kind == "veth" else () if kind else ("origin",)
    known = (*_LINK, *options, *ports, *shared, *peer)
    values.known(where, item, known, f"a link of kind {kind}" if kind else "a link without kind")
    link = _link(netns, item, kind, where)
    if not document.absent:
        for name in REQUIRED.get(kind, ()):
            if name not in link.attributes:
                raise InvalidParameter(f"{where}{name}", None, f"{one(kind)} needs it")
    if "origin" in item:
        link.origin = _origin(netns, link, values.mapping(f"{where}origin", item["origin"]), where)
        document.at(link.origin[0])
    merge(document, netns, link)
    if link.attributes.get("parent_netns") is not None:
        document.at(link.attributes["parent_netns"])
    desired = document.at(netns)
    listed = document.purge and kind and "addresses" in item
    if values.boolean(f"{where}purge_addresses", item.get("purge_addresses", bool(listed))):
        desired.purge_addresses.add(link.name)
    _addresses(desired, link, item, where)
    for index, port in enumerate(values.items(f"{where}ports", item.get("ports"))):
        name = values.ifname(f"{where}ports[{index}]", port)
        if name == link.name:
            raise InvalidParameter(f"{where}ports[{index}]", port, f"{one(kind)} cannot be a port of itself")
        if not document.absent:
            merge(document, netns, Link(name, "", {"controller": link.name}, where=f"{where}ports[{index}]."))
            desired.claimed.add(name)
    if values.boolean(f"{where}purge_ports", item.get("purge_ports", False)):
        desired.purge_ports.add(link.name)
    if "peer" in item:
        _add_peer(document, netns, link, values.mapping(f"{where}peer", item["peer"]), where)


def _link(netns: str, item: Mapping[str, Any], kind: str, where: str) -> Link:
    link = Link(values.ifname(f"{where}name", item.get("name")), kind, where=where)
    for name, option in KINDS.get(kind, {}).items():
        if name in item:
            link.attributes[name] = option.parse(f"{where}{name}", item[name])
    if link.attributes.get("parent_netns", netns) == netns and "parent_netns" in KINDS.get(kind, {}):
        link.attributes["parent_netns"] = None
    if "admin_state" in item:
        link.attributes["admin_state"] = values.choice(f"{where}admin_state", item["admin_state"], ("up", "down"))
    if "mtu" in item:
        derived = item["mtu"] == AUTO and kind in PARENTS
        link.attributes["mtu"] = AUTO if derived else _mtu(f"{where}mtu", item["mtu"])
    if "mac_address" in item:
        link.attributes["mac_address"] = values.mac(f"{where}mac_address", item["mac_address"])
    if "promisc" in item:
        link.attributes["promisc"] = values.boolean(f"{where}promisc", item["promisc"])
    if "controller" in item:
        controller = item["controller"]
        # An empty controller takes the link out of the one it is in.
        link.attributes["controller"] = "" if controller == "" else values.ifname(f"{where}controller", controller)
    for name, option in PORT_OPTIONS.items():
        if name in item:
            link.attributes[name] = option.parse(f"{where}{name}", item[name])
    link.recreate = values.boolean(f"{where}recreate", item.get("recreate", False))
    link.shared = values.boolean(f"{where}shared", item.get("shared", False))
    _check_link(link, where)
    return link


def _origin(netns: str, link: Link, item: Mapping[str, Any], where: str) -> tuple[str, str]:
    item = values.given(item)
    values.known(f"{where}origin.", item, ("name", "netns"), "an interface's origin")
    place = item.get("netns", "")
    if place != "":
        values.netns(f"{where}origin.netns", place)
    if place == netns:
        raise InvalidParameter(f"{where}origin.netns", place, "give another namespace than the one it comes to")
    return place, values.ifname(f"{where}origin.name", item.get("name", link.name))


def _mtu(where: str, value: Any) -> int:
    if value == AUTO:
        raise InvalidParameter(where, value, f"only a link on another one ({', '.join(PARENTS)}) can derive it")
    return values.integer(where, value, IPV4_MTU, 65535, "bytes")


def _check_link(link: Link, where: str) -> None:
    """What one link's parameters have to say to each other."""
    wanted = link.attributes
    if wanted.get("controller") == link.name:
        raise InvalidParameter(f"{where}controller", link.name, "a link cannot be a port of itself")
    mode = {**DEFAULTS.get(link.kind, {}), **wanted}.get("mode")
    if wanted.get("controller") and not is_ethernet(link.kind, mode):
        remedy = f"{link.name} carries IP packets, no Ethernet frames, so it cannot be a port"
        raise InvalidParameter(f"{where}controller", wanted["controller"], remedy)
    if "mac_address" in wanted and not own_mac(link.kind, mode):
        raise InvalidParameter(f"{where}mac_address", wanted["mac_address"], f"{one(link.kind)} has none of its own")
    parent = PARENTS.get(link.kind, "")
    if parent and wanted.get(parent) == link.name and wanted.get("parent_netns") is None:
        raise InvalidParameter(f"{where}{parent}", link.name, f"{one(link.kind)} cannot sit on itself")
    if link.kind == "bridge" and wanted.get("stp") and wanted.get("forward_delay", 2) < 2:
        # br_stp.c: br_set_forward_delay
        raise InvalidParameter(f"{where}forward_delay", wanted["forward_delay"], "with stp, give 2 to 30 seconds")
    if link.kind == "vxlan":
        _check_vxlan(wanted, where)
    if link.kind == "bond":
        _check_bond(wanted, where)
    check_mode_options(link, mode)


def check_mode_options(link: Link, mode: str | None) -> None:
    """Refuse options that a link does not have in a mode.

    :param mode: None: it is not known yet.
    """
    for name, modes in OPTION_MODES.get(link.kind, {}).items():
        if name in link.attributes and mode not in (None, *modes):
            remedy = f"mode {mode} has none: it is for {', '.join(modes)}"
            raise InvalidParameter(f"{link.where}{name}", link.attributes[name], remedy)


def _check_vxlan(wanted: Mapping[str, Any], where: str) -> None:
    if "remote" in wanted and "group" in wanted:
        raise InvalidParameter(f"{where}group", wanted["group"], "a VXLAN has a 'remote' or a 'group', not both")
    if "group" in wanted and "dev" not in wanted:
        raise InvalidParameter(
            f"{where}group", wanted["group"], "a multicast group needs 'dev', the interface it is on"
        )
    for name in ("remote", "group"):
        if name in wanted and "local" in wanted and values.family(wanted[name]) != values.family(wanted["local"]):
            raise InvalidParameter(
                f"{where}{name}", wanted[name], f"it is of another address family than local {wanted['local']}"
            )


def _check_bond(wanted: Mapping[str, Any], where: str) -> None:
    for name in ("updelay", "downdelay"):
        if wanted.get(name):
            miimon = wanted.get("miimon")
            if not miimon or wanted[name] % miimon:
                # bond_main.c rounds it down to a multiple, so it would never be what was asked for
                raise InvalidParameter(f"{where}{name}", wanted[name], "give miimon too, and a multiple of it")


def _addresses(desired: Desired, link: Link, item: Mapping[str, Any], where: str) -> None:
    for index, value in enumerate(values.items(f"{where}addresses", item.get("addresses"))):
        here = f"{where}addresses[{index}]"
        address = values.interface_address(here, value)
        mtu = link.attributes.get("mtu")
        if ":" in address and isinstance(mtu, int) and mtu < IPV6_MTU:
            raise InvalidParameter(f"{where}mtu", mtu, f"IPv6 ({address}) needs at least {IPV6_MTU} bytes")
        desired.add_address(Address(link.name, address), here)


def _add_peer(document: Document, netns: str, link: Link, item: Mapping[str, Any], where: str) -> None:
    item = values.given(item)
    if "master" in item:
        item["controller"] = item.pop("master")
    if "namespace" in item:
        item["netns"] = item.pop("namespace")
    here = f"{where}peer."
    values.known(here, item, _PEER, "a veth's peer")
    other = item.get("netns", netns)
    if other != "":
        values.netns(f"{here}netns", other)
    peer = _link(other, {key: value for key, value in item.items() if key != "netns"}, "veth", here)
    if (other, peer.name) == (netns, link.name):
        raise InvalidParameter(f"{here}name", peer.name, "the two ends of a veth in one namespace have different names")
    peer.recreate = link.recreate
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
    place = f" in namespace {netns}" if netns else ""
    if known.kind and link.kind and known.kind != link.kind:
        raise InvalidParameter(f"{link.where}kind", link.kind, f"{link.name}{place} is listed as {one(known.kind)} too")
    if known.peer and link.peer and known.peer != link.peer:
        raise InvalidParameter(
            f"{link.where}name", link.name, f"it is listed twice{place}, with different peers: name each veth once"
        )
    for name, value in link.attributes.items():
        if known.attributes.get(name, value) != value:
            remedy = f"{link.name}{place} is listed twice, with {name} {known.attributes[name]} too: keep one"
            raise InvalidParameter(f"{link.where}{name}", value, remedy)
    if link.kind and not known.kind:
        known.kind, known.where = link.kind, link.where
    known.peer = known.peer or link.peer
    known.origin = known.origin or link.origin
    known.recreate = known.recreate or link.recreate
    known.shared = known.shared or link.shared
    known.attributes.update(link.attributes)


def complete(document: Document) -> None:
    """Give links what nobody asked for but everybody means: only now, since a veth's end may be listed twice."""
    for desired in document.namespaces.values():
        for link in desired.links.values():
            if link.kind or link.origin:
                link.attributes = {**DEFAULTS.get(link.kind, {}), "admin_state": "up", **link.attributes}
