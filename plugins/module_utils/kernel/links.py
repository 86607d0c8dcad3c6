# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Links in rtnetlink's messages: pyroute2's class of them, and what is read of links."""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.imports import skip_package_init
from ansible_collections.weft.fabric.plugins.module_utils.kernel import inet
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import (
    Request,
    Socket,
    attributes,
)
from ansible_collections.weft.fabric.plugins.module_utils.kernel.uapi import (
    IFF_PROMISC,
    IFF_UP,
    IFLA_EXT_MASK,
    IFLA_IFNAME,
    IFLA_INFO_DATA,
    IFLA_INFO_KIND,
    IFLA_LINKINFO,
    IFLA_VXLAN_GROUP,
    IFLA_VXLAN_GROUP6,
    IFLA_VXLAN_ID,
    IFLA_VXLAN_PORT,
    RTEXT_FILTER_SKIP_STATS,
    RTM_GETLINK,
)
from ansible_collections.weft.fabric.plugins.module_utils.kinds import (
    KERNEL_NAMES,
    KINDS,
    PORT_OPTIONS,
    own_mac,
)
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link

# Devices that the kernel has in every namespace for the packets of tunnels that nobody made; nobody can delete them.
FALLBACKS = ("tunl0",)
_KINDS = {name: kind for kind, name in KERNEL_NAMES.items()}
_WORD = struct.Struct("=HHI")  # an attribute that holds a u32


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


def read_names(kernel: Socket) -> dict[int, str]:
    """The names of all interfaces, by index."""
    names = {}
    for message in kernel.dump(RTM_GETLINK, bytes(16) + _WORD.pack(8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)):
        index = struct.unpack_from("=i", message, 20)[0]
        names[index] = attributes(message, 32)[IFLA_IFNAME].rstrip(b"\0").decode()
    return names


def read_device(kernel: Socket, name: str) -> Link | None:
    """What entries need to know of their device: its index, kind, whether it is up, and a VXLAN's VNI, port and remote.

    One request, and nothing of pyroute2. None: there is no such device.
    """
    label = name.encode() + b"\0"
    body = bytes(16) + struct.pack("=HH", 4 + len(label), IFLA_IFNAME) + label + bytes(-len(label) % 4)
    try:
        message = kernel.get(Request(RTM_GETLINK, 0, body + _WORD.pack(8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)))
    except KernelError as error:
        if error.code in (errno.ENODEV, errno.EINVAL):  # EINVAL: a name that no device can have
            return None
        raise
    index, flags = struct.unpack_from("=iI", message, 20)
    info = attributes(attributes(message, 32).get(IFLA_LINKINFO, b""), 0)
    known: dict[str, Any] = {"admin_state": "up" if flags & IFF_UP else "down"}
    kind = info.get(IFLA_INFO_KIND, b"").rstrip(b"\0").decode()
    if kind == "vxlan":
        data = attributes(info[IFLA_INFO_DATA], 0)
        known["vni"] = struct.unpack("=I", data[IFLA_VXLAN_ID])[0]
        known["port"] = struct.unpack("!H", data[IFLA_VXLAN_PORT])[0]
        remote = data.get(IFLA_VXLAN_GROUP) or data.get(IFLA_VXLAN_GROUP6)
        if remote:
            known["remote"] = inet.to_text(remote)
    return Link(name, kind, known, index=index)


def read_links(kernel: Socket) -> dict[str, Link]:
    """All links of a namespace, by name, with everything that a parameter can ask for."""
    ifinfmsg = pyroute2_ifinfmsg()
    skip_statistics = struct.pack("=HHI", 8, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)
    raw = {}
    for data in kernel.dump(RTM_GETLINK, bytes(16) + skip_statistics):
        message = ifinfmsg(data)
        message.decode()
        raw[message["index"]] = message
    names = {index: message.get_attr("IFLA_IFNAME") for index, message in raw.items()}
    return {names[index]: _link(message, names) for index, message in raw.items()}


def _link(message: Any, names: Mapping[int, str]) -> Link:
    kind = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND") or ""
    kind = "" if message.get_attr("IFLA_IFNAME") in FALLBACKS else _KINDS.get(kind, kind)
    known: dict[str, Any] = {
        "admin_state": "up" if message["flags"] & IFF_UP else "down",
        "mtu": message.get_attr("IFLA_MTU"),
        "mac_address": message.get_attr("IFLA_ADDRESS"),
        "alias": message.get_attr("IFLA_IFALIAS"),
        "promisc": bool(message["flags"] & IFF_PROMISC),
        "controller": names.get(message.get_attr("IFLA_MASTER") or 0, ""),
    }
    nsid = message.get_attr("IFLA_LINK_NETNSID")
    below = message.get_attr("IFLA_LINK")
    link = Link(names[message["index"]], kind, known, index=message["index"], below=below or 0, nsid=nsid)
    data = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA")
    for name, option in KINDS.get(kind, {}).items():
        if option.attribute == "IFLA_LINK":
            value = below if below in names and nsid is None else None
        elif option.attribute == "IFLA_LINK_NETNSID":
            value = None  # _join_ends() finds it out
        else:
            value = data.get_attr(option.attribute) if data is not None else None
            if value is None and option.six and data is not None:
                value = data.get_attr(option.six)
        if option.link:
            value = names.get(value or 0)
        if value is None:
            known[name] = option.unsaid
        else:
            known[name] = option.decode(value)
    if message.get_nested("IFLA_LINKINFO", "IFLA_INFO_SLAVE_KIND") == "bridge":
        port = message.get_nested("IFLA_LINKINFO", "IFLA_INFO_SLAVE_DATA")
        known["hairpin"] = PORT_OPTIONS["hairpin"].decode(port.get_attr("IFLA_BRPORT_MODE"))
    if not own_mac(kind, known.get("mode")) or len(known["mac_address"] or "") != len(values.ZERO_MAC):
        known["mac_address"] = None  # a tunnel's is its IP address
    if kind == "vxlan":
        # one attribute for both: a group is a remote that is multicast
        other = "remote" if known["remote"] and values.is_multicast(known["remote"]) else "group"
        known[other] = None
    return link
