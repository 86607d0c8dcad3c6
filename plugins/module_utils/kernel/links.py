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
    RTM_GETLINK,
    RTM_NEWLINK,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import OF_THE_KERNEL, PORT_KINDS, PORT_OPTIONS, kind_of
from ansible_collections.weft.fabric.plugins.module_utils.kinds.attributes import ATTRIBUTES
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import DATA, FLAGS, LINK, PORT, Option
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
    # pyroute2 knows no flags of an ipvlan (include/uapi/linux/if_link.h).
    fields = ("IFLA_IPVLAN_UNSPEC", "none"), ("IFLA_IPVLAN_MODE", "uint16"), ("IFLA_IPVLAN_FLAGS", "uint16")
    ifinfmsg.ifinfo.register_link_kind(module={"ipvlan": type("ipvlan", (nla,), {"nla_map": fields})})
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
    name, info = names[message["index"]], message.get_attr("IFLA_LINKINFO")
    called, data, controller, port = (_nested(info, part) for part in _INFO)
    called = OF_THE_KERNEL.get(called, called or "")
    kind = kind_of(called)
    if name == kind.fallback:
        called, kind = "", kind_of("")
    nsid, below = message.get_attr("IFLA_LINK_NETNSID"), message.get_attr("IFLA_LINK") or 0
    parts = {LINK: message, DATA: data, PORT: port}
    known: dict[str, Any] = {}
    for key, option in (*ATTRIBUTES.items(), *kind.options.items(), *_port_options(controller)):
        value = bool(message["flags"] & option.bit) if option.place == FLAGS else _value(option, parts)
        if option.link:
            # The index of a parent in another namespace means nothing here.
            value = None if option.attribute == "IFLA_LINK" and nsid is not None else names.get(value or 0)
        known[key] = option.unsaid if value is None else option.decode(value)
    mac = known["mac_address"] or ""
    if not kind.has_own_mac(known.get("mode")) or len(mac) != len(values.ZERO_MAC):
        known["mac_address"] = None  # a tunnel's is its IP address
    return Link(name, called, known, index=message["index"], below=below, nsid=nsid)


_INFO = ("IFLA_INFO_KIND", "IFLA_INFO_DATA", "IFLA_INFO_SLAVE_KIND", "IFLA_INFO_SLAVE_DATA")


def _nested(message: Any, name: str) -> Any:
    return None if message is None else message.get_attr(name)


def _port_options(controller: str | None) -> Iterable[tuple[str, Option]]:
    """The attributes of ports that are in messages about them."""
    ports = kind_of(controller or "").ports
    return [item for item in ports.options.items() if item[1].place == PORT] if ports else ()


def _value(option: Option, parts: Mapping[str, Any]) -> Any:
    part = parts.get(option.place)
    value = _nested(part, option.attribute)
    return _nested(part, option.six) if value is None and option.six else value


# -- written ---------------------------------------------------------------------------------------


def create(link: Link, index_of: IndexOf, peer: Peer | None = None, place: Place | None = None) -> Request:
    """Create a link, and the other end of a pair with it: both are there or none.

    :param place: where it is made, if not in the namespace of the request, which is that of its parent.
    """
    message, data = _message(link, index_of, place)
    if peer:
        end, there = peer
        data.append((kind_of(link.kind).peer, _message(end, index_of, there)[0]))
    message["attrs"].append(_info(link.kind, data))
    return Request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, _encode(message))


def change(link: Link, index_of: IndexOf) -> Request:
    """Set attributes of a link."""
    message, data = _message(link, index_of)
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
            attribute = option.six if option.six and ":" in value else option.attribute
            encoded = (index_of(value) if value else 0) if option.link else option.encode(value)
            parts[option.place] += [(attribute, encoded), *option.along]
    message["attrs"] = parts[LINK]
    if place:
        message["index"] = place.ifindex
        message["attrs"].append(("IFLA_NET_NS_FD", place.descriptor))
    if parts[PORT]:
        kind = next(PORT_KINDS[name] for name in link.attributes if name in PORT_KINDS)
        message["attrs"].append(_info(kind, parts[PORT], "IFLA_INFO_SLAVE_"))
    return message, parts[DATA]


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
