# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links in rtnetlink's messages, by pyroute2's class of them: read, created, changed, moved and deleted.

kinds/ says of each attribute where it is in the message. Sources: rtnetlink(7), ip-link(8), net/core/rtnetlink.c.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Callable, NamedTuple, Optional

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.imports import skip_package_init
from ansible_collections.weft.fabric.plugins.module_utils.kernel.device import SKIP_STATISTICS
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Request, Socket
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFF_UP,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_DELLINK,
    RTM_DELLINKPROP,
    RTM_GETLINK,
    RTM_NEWLINK,
    RTM_NEWLINKPROP,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import OF_THE_KERNEL, PORT_KINDS, PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.attributes import ATTRIBUTES
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import DATA, FLAGS, LINK, PORT, PROPERTY, Option
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link

IndexOf = Callable[[str], int]  # of a link in the namespace of the request


class Place(NamedTuple):
    """Where a link is made, if not in the namespace of the request.

    :ivar descriptor: of that namespace.
    :ivar ifindex: the index that it gets there; 0: the kernel chooses one.
    """

    descriptor: int
    ifindex: int = 0


Peer = tuple[Link, Optional[Place]]
"""The other end of a pair, and where that is made."""


@lru_cache
def pyroute2_ifinfmsg() -> Any:
    """pyroute2's class of link messages.

    :raises FabricError: pyroute2 is not installed for the interpreter that runs the module.
    """
    try:
        skip_package_init("pyroute2")
        from pyroute2.netlink import nla
        from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    except ImportError as error:
        raise FabricError(
            f"pyroute2 cannot be imported by {sys.executable} ({error}): install the package python3-pyroute2, "
            "or 'pip install pyroute2' for that interpreter"
        ) from error
    kinds = ifinfmsg.ifinfo
    # pyroute2 knows no flags of an ipvlan (include/uapi/linux/if_link.h), and no filter of VNIs. The kernel takes a
    # flag for the inherited TTL, and gives a number.
    fields = ("IFLA_IPVLAN_UNSPEC", "none"), ("IFLA_IPVLAN_MODE", "uint16"), ("IFLA_IPVLAN_FLAGS", "uint16")
    known = kinds.data_map["vxlan"]
    options = [(name, "cdata" if name == "IFLA_VXLAN_TTL_INHERIT" else form) for name, form in known.nla_map[:30]]
    options.append(("IFLA_VXLAN_VNIFILTER", "uint8"))
    vxlan = type("vxlan", (nla,), {"prefix": "IFLA_", "nla_map": tuple(options), "port_range": known.port_range})
    kinds.register_link_kind(module={"ipvlan": type("ipvlan", (nla,), {"nla_map": fields}), "vxlan": vxlan})
    return ifinfmsg


# -- read ------------------------------------------------------------------------------------------


def read_links(kernel: Socket) -> dict[str, Link]:
    """All links of a namespace, by name, with everything that a parameter can ask for."""
    ifinfmsg = pyroute2_ifinfmsg()
    raw = {}
    for data in kernel.dump(RTM_GETLINK, bytes(16) + SKIP_STATISTICS):
        message = ifinfmsg(data)
        message.decode()
        raw[message["index"]] = message
    names = {index: message.get_attr("IFLA_IFNAME") for index, message in raw.items()}
    return {names[index]: _link(message, names) for index, message in raw.items()}


def _link(message: Any, names: Mapping[int, str]) -> Link:
    name, own = names[message["index"]], _parts(message)
    info = _parts(_value(own, "IFLA_LINKINFO"))
    called, controller = _value(info, "IFLA_INFO_KIND"), _value(info, "IFLA_INFO_SLAVE_KIND")
    called = OF_THE_KERNEL.get(called, called or "")
    kind = kind_of(called)
    if name == kind.fallback:
        called, kind = "", kind_of("")
    nsid, below = _value(own, "IFLA_LINK_NETNSID"), _value(own, "IFLA_LINK") or 0
    data, port = _parts(_value(info, "IFLA_INFO_DATA")), _parts(_value(info, "IFLA_INFO_SLAVE_DATA"))
    parts = {LINK: own, PROPERTY: own, DATA: data, PORT: port}
    known: dict[str, Any] = {}
    for key, option in (*ATTRIBUTES.items(), *kind.options.items(), *_port_options(controller)):
        value = bool(message["flags"] & option.bit) if option.place == FLAGS else _said(option, parts)
        if option.link:
            if key == kind.parent and nsid is not None:
                # The index of a parent in another namespace means nothing here.
                below, value = value or 0, None
            value = names.get(value or 0)
        known[key] = option.unsaid if value is None else option.decode(value)
    mac = known["mac_address"] or ""
    if not kind.has_own_mac(known.get("mode")) or len(mac) != len(values.ZERO_MAC):
        known["mac_address"] = None  # a tunnel's is its IP address
    return Link(name, called, known, index=message["index"], below=below, nsid=nsid)


def _parts(message: Any) -> dict[str, Any]:
    """The attributes of a message, or of one that is nested in it, not decoded yet.

    :param message: None: there is none; a string: pyroute2 does not know what is in it.
    """
    return {} if message is None or isinstance(message, str) else {part[0]: part for part in message["attrs"]}


def _value(parts: Mapping[str, Any], name: str) -> Any:
    """The value of an attribute, or None."""
    return parts[name][1] if name in parts else None


def _port_options(controller: str | None) -> Iterable[tuple[str, Option]]:
    """The attributes of ports that are in messages about them."""
    ports = kind_of(controller or "").ports
    return [item for item in ports.options.items() if item[1].place == PORT] if ports else ()


def _said(option: Option, parts: Mapping[str, Mapping[str, Any]]) -> Any:
    """What a message says of an option."""
    part = parts.get(option.place, {})
    if option.sign and option.sign not in part:
        return None
    for word, attribute in option.instead.items():
        if _value(part, attribute) not in (None, b"\0"):
            return word
    return _value(part, option.attribute if option.attribute in part else option.six)


# -- written ---------------------------------------------------------------------------------------


def create(link: Link, index_of: IndexOf, peer: Peer | None = None, place: Place | None = None) -> Request:
    """Create a link, and the other end of a pair with it: both are there or none.

    :param place: where it is made, if not in the namespace of the request, which is that of its parent.
    """
    kind = kind_of(link.kind)
    if kind.follows_ports and "mtu" in link.attributes:
        # It is the user's own once it has been changed (br_device.c: br_change_mtu), which the next request does.
        link = replace(link, attributes={**link.attributes, "mtu": link.attributes["mtu"] ^ 1})
    message, data = _message(link, index_of, place)
    if peer:
        end, there = peer
        data.append((kind.peer, _message(end, index_of, there)[0]))
    message["attrs"].append(_info(link.kind, data))
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, _encode(message))


def change(link: Link, index_of: IndexOf, known: Mapping[str, Any]) -> Request:
    """Set attributes of a link.

    :param known: what it has of them. An address that is taken away leaves none of its family.
    """
    options = kind_of(link.kind).options
    nothing = {
        name: "::" if ":" in known[name] else "0.0.0.0"
        for name, value in link.attributes.items()
        if value == "" and name in options and options[name].six and known.get(name)
    }
    message, data = _message(replace(link, attributes={**link.attributes, **nothing}), index_of)
    if data:  # a VXLAN refuses to be told its kind without any of its options (vxlan_validate)
        message["attrs"].append(_info(link.kind, data))
    return Request(RTM_NEWLINK, 0, _encode(message))


def move(index: int, link: Link, place: Place | None) -> Request:
    """Rename a link and move it to another namespace; it is down then, because one that is up cannot be renamed.

    :param link: its new name, and attributes that it gets.
    """
    message, _data = _message(link, lambda _name: 0, place)
    message["index"] = index
    message["change"] = IFF_UP
    return Request(RTM_NEWLINK, 0, _encode(message))


def rename(index: int, known: Iterable[str], wanted: Iterable[str]) -> list[Request]:
    """Take alternative names from a link, and give it others."""
    changes = (RTM_DELLINKPROP, {*known} - {*wanted}), (RTM_NEWLINKPROP, {*wanted} - {*known})
    requests = []
    for kind, names in changes:
        if names:
            message = pyroute2_ifinfmsg()()
            message["index"] = index
            properties = [("IFLA_ALT_IFNAME", name) for name in sorted(names)]
            message["attrs"] = [("IFLA_PROP_LIST", {"attrs": properties})]
            requests.append(Request(kind, 0, _encode(message)))
    return requests


def delete(names: Sequence[str]) -> list[Request]:
    """Delete links of one namespace.

    The kernel waits for all its processors when it deletes a link (net/core/dev.c: synchronize_net), 16 ms and more. It
    does so once for a group of links (ip-link(8)). Nobody else has the group's number: it is random, of 31 bits.
    """
    if len(names) == 1:
        return [Request(RTM_DELLINK, 0, _brief(IFLA_IFNAME=names[0]))]
    group = int.from_bytes(os.urandom(4), "big") | 1 << 31
    gathered = [Request(RTM_NEWLINK, 0, _brief(IFLA_IFNAME=name, IFLA_GROUP=group)) for name in names]
    return [*gathered, Request(RTM_DELLINK, 0, _brief(IFLA_GROUP=group))]


def _message(link: Link, index_of: IndexOf, place: Place | None = None) -> tuple[Any, list[tuple[str, Any]]]:
    """A message with a link's name and attributes, and the attributes of its IFLA_INFO_DATA."""
    message = pyroute2_ifinfmsg()()
    parts: dict[str, list[tuple[str, Any]]] = {LINK: [("IFLA_IFNAME", link.name)], DATA: [], PORT: []}
    options = {**ATTRIBUTES, **kind_of(link.kind).options, **PORT_OPTIONS}
    for name, value in link.attributes.items():
        option = options.get(name)
        if option is None or value is None:
            continue
        if option.place == FLAGS:
            message["change"] |= option.bit
            message["flags"] |= option.bit if option.encode(value) else 0
        elif option.place in parts:
            parts[option.place] += _encoded(option, value, index_of)
    message["attrs"] = parts[LINK]
    if place:
        message["index"] = place.ifindex
        message["attrs"].append(("IFLA_NET_NS_FD", place.descriptor))
    if parts[PORT]:
        kind = next(PORT_KINDS[name] for name in link.attributes if name in PORT_KINDS)
        message["attrs"].append(_info(kind, parts[PORT], "IFLA_INFO_SLAVE_"))
    return message, parts[DATA]


def _encoded(option: Option, value: Any, index_of: IndexOf) -> Iterable[tuple[str, Any]]:
    """The attributes that say a value."""
    if option.link:
        yield option.attribute, index_of(value) if value else 0
    elif isinstance(value, str) and value in option.instead:
        yield option.instead[value], b""
    elif value or not option.six:  # a new link has no address to take away
        attribute = option.six if option.six and ":" in value else option.attribute
        encoded = option.encode(value)
        if encoded is not None:
            yield attribute, encoded
    yield from option.along


def _info(kind: str, data: list[tuple[str, Any]], prefix: str = "IFLA_INFO_") -> tuple[str, Any]:
    attributes: list[tuple[str, Any]] = [(f"{prefix}KIND", kind_of(kind).kernel_name or kind)]
    if data:
        attributes.append((f"{prefix}DATA", {"attrs": data}))
    return "IFLA_LINKINFO", {"attrs": attributes}


def _brief(**attributes: Any) -> bytes:
    """The body of a message about a link, of a few attributes."""
    message = pyroute2_ifinfmsg()()
    message["attrs"] = [*attributes.items()]
    return _encode(message)


def _encode(message: Any) -> bytes:
    """The body of a pyroute2 message, without the netlink header."""
    message.encode()
    return bytes(message.data)[16:]
