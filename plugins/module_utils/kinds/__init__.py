# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The kinds of link, and each kind's options: the one table that a new kind is added to.

An option says how a parameter is validated, which attribute carries it, and what the kernel can do about it later.
Sources: ip-link(8), include/uapi/linux/if_link.h, and the changelink function of each driver.

Private to the collection: no other collection may import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter


def _same(value: Any) -> Any:
    return value


class Option(NamedTuple):
    """One option of a kind.

    :param attribute: the netlink attribute: in IFLA_INFO_DATA, or IFLA_LINK itself.
    :param parse: (where, value) -> the normalised value; raises InvalidParameter.
    :param encode: normalised value -> what pyroute2 takes.
    :param decode: what pyroute2 gives -> normalised value.
    :param six: the attribute that carries an IPv6 address, where there are two.
    :param fixed: the kernel cannot change it on an existing link.
    :param fixed_values: values that the kernel can neither set nor leave on an existing link, where it can others.
    :param link: the value is the name of a link in the same namespace, its index on the wire.
    :param down: the kernel changes it only while the link is down.
    :param empty: the kernel changes it only while the link has no ports.
    :param unsaid: what it is where the kernel does not report it.
    :param along: (attribute, value) that goes with it.
    """

    attribute: str
    parse: Callable[[str, Any], Any]
    encode: Callable[[Any], Any] = _same
    decode: Callable[[Any], Any] = _same
    six: str = ""
    fixed: bool = False
    fixed_values: tuple[Any, ...] = ()
    link: bool = False
    down: bool = False
    empty: bool = False
    unsaid: Any = None
    along: tuple[tuple[str, Any], ...] = ()

    def keeps(self, old: Any, new: Any) -> bool:
        """Whether the kernel cannot make the new value of the old one."""
        return old != new and (self.fixed or old in self.fixed_values or new in self.fixed_values)


def _boolean(attribute: str, **more: Any) -> Option:
    return Option(attribute, values.boolean, encode=int, decode=bool, **more)


def _number(attribute: str, low: int, high: int, unit: str = "", scale: int = 1, **more: Any) -> Option:
    def parse(where: str, value: Any) -> int:
        return values.integer(where, value, low, high, unit)

    return Option(attribute, parse, encode=lambda value: value * scale, decode=lambda number: number // scale, **more)


def _named(attribute: str, names: Mapping[str, int], **more: Any) -> Option:
    numbers = {number: name for name, number in names.items()}
    return Option(
        attribute,
        lambda where, value: values.choice(where, value, names),
        encode=names.__getitem__,
        decode=lambda number: numbers.get(number, str(number)),
        **more,
    )


def _remote(where: str, value: Any) -> str:
    if values.is_multicast(values.address(where, value)):
        raise InvalidParameter(where, value, "a multicast address goes into 'group'")
    return values.unicast(where, value)


def _group(where: str, value: Any) -> str:
    address = values.address(where, value)
    if not values.is_multicast(address):
        raise InvalidParameter(where, value, "a unicast address goes into 'remote'; a group is multicast")
    return address


def _macs(where: str, value: Any) -> list[str]:
    if not isinstance(value, (list, tuple)):
        raise InvalidParameter(where, value, "give a list of MAC addresses")
    found = sorted(values.mac(f"{where}[{index}]", item) for index, item in enumerate(value))
    for one, next_one in zip(found, found[1:]):
        if one == next_one:
            raise InvalidParameter(where, one, "it is listed twice: keep one")
    return found


def _four(where: str, value: Any) -> str:
    found = values.unicast(where, value)
    if ":" in found:
        raise InvalidParameter(where, value, "an ipip tunnel carries IPv4 over IPv4: give an IPv4 address")
    return found


def _unless_zero(address: str) -> str | None:
    return None if address == "0.0.0.0" else address


def _netns(where: str, value: Any) -> str:
    return "" if value == "" else values.netns(where, value)


BOND_MODES = {
    name: number
    for number, name in enumerate(
        ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
    )
}
# Options that a kind has in these modes only; the kernel reports some of them in all.
OPTION_MODES: dict[str, dict[str, tuple[str, ...]]] = {
    "bond": {  # bond_options.c: unsuppmodes
        "primary": ("active-backup", "balance-tlb", "balance-alb"),
        "lacp_rate": ("802.3ad",),
        "ad_select": ("802.3ad",),
    },
    "macvlan": {  # macvlan.c: macvlan_changelink
        "source_macs": ("source",),
        "nopromisc": ("passthru",),
    },
}
HASH_POLICIES = {
    name: number
    for number, name in enumerate(("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"))
}
MACVLAN_MODES = ("private", "vepa", "bridge", "passthru", "source")
IPVLAN_MODES = {"l2": 0, "l3": 1, "l3s": 2}
IPVLAN_FLAGS = {"bridge": 0, "private": 1, "vepa": 2}
IPIP_MODES = {"ipip": 4, "mplsip": 137, "any": 0}  # IP protocol numbers
TUN_MODES = {"tun": 1, "tap": 2}  # IFF_TUN, IFF_TAP
VLAN_PROTOCOLS = {"802.1q": 0x8100, "802.1ad": 0x88A8}

_PARENT = {
    "parent": Option("IFLA_LINK", values.ifname, link=True, fixed=True),
    "parent_netns": Option("IFLA_LINK_NETNSID", _netns, fixed=True),
}

KINDS: dict[str, dict[str, Option]] = {
    "veth": {},
    "dummy": {},
    "bridge": {
        # br_netlink.c: the times are in hundredths of a second
        "stp": _boolean("IFLA_BR_STP_STATE"),
        "forward_delay": _number("IFLA_BR_FORWARD_DELAY", 0, 30, "seconds", 100),
        "ageing_time": _number("IFLA_BR_AGEING_TIME", 0, 1_000_000, "seconds", 100),
        "vlan_filtering": _boolean("IFLA_BR_VLAN_FILTERING", unsaid=False),
        "mcast_snooping": _boolean("IFLA_BR_MCAST_SNOOPING", unsaid=False),
    },
    "bond": {
        # bond_options.c: BOND_OPTFLAG_IFDOWN and BOND_OPTFLAG_NOSLAVES
        "mode": _named("IFLA_BOND_MODE", BOND_MODES, down=True, empty=True),
        "miimon": _number("IFLA_BOND_MIIMON", 0, 2**31 - 1, "milliseconds"),
        "updelay": _number("IFLA_BOND_UPDELAY", 0, 2**31 - 1, "milliseconds"),
        "downdelay": _number("IFLA_BOND_DOWNDELAY", 0, 2**31 - 1, "milliseconds"),
        "xmit_hash_policy": _named("IFLA_BOND_XMIT_HASH_POLICY", HASH_POLICIES),
        "lacp_rate": _named("IFLA_BOND_AD_LACP_RATE", {"slow": 0, "fast": 1}, down=True),
        "ad_select": _named("IFLA_BOND_AD_SELECT", {"stable": 0, "bandwidth": 1, "count": 2}, down=True),
        "min_links": _number("IFLA_BOND_MIN_LINKS", 0, 2**31 - 1),
        "primary": Option("IFLA_BOND_PRIMARY", values.ifname, link=True),
    },
    "vlan": {
        # vlan_netlink.c: vlan_changelink changes flags and QoS maps only
        "parent": Option("IFLA_LINK", values.ifname, link=True, fixed=True),
        "vlan_id": _number("IFLA_VLAN_ID", 1, 4094, fixed=True),
        "protocol": _named("IFLA_VLAN_PROTOCOL", VLAN_PROTOCOLS, fixed=True),
    },
    "macvlan": {
        # macvlan.c: macvlan_changelink; pyroute2 has the modes' names
        **_PARENT,
        "mode": Option(
            "IFLA_MACVLAN_MODE",
            lambda where, value: values.choice(where, value, MACVLAN_MODES),
            fixed_values=("passthru",),
        ),
        "source_macs": Option(
            "IFLA_MACVLAN_MACADDR_DATA",
            _macs,
            encode=lambda macs: {"attrs": [("IFLA_MACVLAN_MACADDR", mac) for mac in macs]},
            decode=lambda data: sorted(data.get_attrs("IFLA_MACVLAN_MACADDR")),
            unsaid=[],
            along=(("IFLA_MACVLAN_MACADDR_MODE", "set"),),
        ),
        "nopromisc": Option(
            "IFLA_MACVLAN_FLAGS", values.boolean, encode=int, decode=lambda flags: flags == "nopromisc"
        ),
    },
    "ipvlan": {
        # ipvlan_main.c: ipvlan_nl_changelink; both are those of all ipvlans on the parent
        **_PARENT,
        "mode": _named("IFLA_IPVLAN_MODE", IPVLAN_MODES),
        "flag": _named("IFLA_IPVLAN_FLAGS", IPVLAN_FLAGS),
    },
    "vxlan": {
        # vxlan_core.c: vxlan_nl2conf refuses a changed VNI and port
        "vni": _number("IFLA_VXLAN_ID", 0, 2**24 - 1, fixed=True),
        "port": _number("IFLA_VXLAN_PORT", 1, 65535, fixed=True),
        "local": Option("IFLA_VXLAN_LOCAL", values.unicast, six="IFLA_VXLAN_LOCAL6"),
        "dev": Option("IFLA_VXLAN_LINK", values.ifname, link=True),
        "remote": Option("IFLA_VXLAN_GROUP", _remote, six="IFLA_VXLAN_GROUP6"),
        "group": Option("IFLA_VXLAN_GROUP", _group, six="IFLA_VXLAN_GROUP6"),
        "learning": _boolean("IFLA_VXLAN_LEARNING"),
        "ttl": _number("IFLA_VXLAN_TTL", 0, 255),
        "tos": _number("IFLA_VXLAN_TOS", 0, 255),
        "df": _named("IFLA_VXLAN_DF", {"unset": 0, "set": 1, "inherit": 2}),
    },
    "ipip": {
        # ipip.c: ipip_changelink; a tunnel with a remote is another kind of device than one without
        "local": Option("IFLA_IPIP_LOCAL", _four, decode=_unless_zero),
        "remote": Option("IFLA_IPIP_REMOTE", _four, decode=_unless_zero, fixed_values=(None,)),
        "dev": Option("IFLA_IPIP_LINK", values.ifname, link=True),
        "mode": _named("IFLA_IPIP_PROTO", IPIP_MODES, fixed=True),
        "ttl": _number("IFLA_IPIP_TTL", 0, 255),
        "tos": _number("IFLA_IPIP_TOS", 0, 255),
        "pmtudisc": _boolean("IFLA_IPIP_PMTUDISC"),
    },
    "tuntap": {
        # tun.c: tun_set_iff, __tun_chr_ioctl; the attributes are for reading, tuntap.py writes
        "mode": _named("IFLA_TUN_TYPE", TUN_MODES, fixed=True),
        "owner": Option("IFLA_TUN_OWNER", values.user),
        "group": Option("IFLA_TUN_GROUP", values.group),
        "persist": _boolean("IFLA_TUN_PERSIST"),
        "multi_queue": _boolean("IFLA_TUN_MULTI_QUEUE", fixed=True),
    },
}

# What a port of a bridge has, whatever kind it is; it is the bridge's, and comes and goes with it.
PORT_OPTIONS: dict[str, Option] = {
    "hairpin": _boolean("IFLA_BRPORT_MODE", unsaid=False),
    "pvid": _number("IFLA_BRIDGE_VLAN_INFO", 1, 4094),
}

# What a link of the kind gets where nothing else is asked for.
DEFAULTS: dict[str, dict[str, Any]] = {
    "vlan": {"protocol": "802.1q"},
    "macvlan": {"mode": "bridge"},
    "ipvlan": {"mode": "l2", "flag": "bridge"},
    "vxlan": {"port": 4789, "learning": False},
    "tuntap": {"persist": True},
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "vlan": ("parent", "vlan_id"),
    "macvlan": ("parent",),
    "ipvlan": ("parent",),
    "vxlan": ("vni",),
    "tuntap": ("mode",),
}

# Kinds to which a change has to repeat all options, because what it leaves out falls back to its default.
WHOLE = ("ipip", "tuntap")

# What the kernel calls a kind, where it is not as here, and which driver has it.
KERNEL_NAMES = {"tuntap": "tun"}
KERNEL_MODULES = {"bond": "bonding", "vlan": "8021q", **KERNEL_NAMES}

# Which option names the link that another one sits on; it is created first.
PARENTS: dict[str, str] = {"vlan": "parent", "macvlan": "parent", "ipvlan": "parent", "vxlan": "dev", "ipip": "dev"}

# Kinds whose links stay when the one that they sit on goes.
SURVIVORS = ("ipip",)

# Kinds that take all that their parent receives, so that it has but one of them, or is the port of one controller
# (net/core/dev.c: netdev_rx_handler_register).
TAKERS = ("macvlan", "ipvlan")

# Kinds that take ports, and so the options 'ports' and 'purge_ports'.
CONTROLLERS = ("bridge", "bond")


def one(kind: str) -> str:
    """A kind in a sentence: ``a veth``, ``an ipvlan``."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def is_ethernet(kind: str, mode: str | None) -> bool:
    """Whether a link carries Ethernet frames, so that it can be a port or a parent; the others carry IP packets."""
    return kind != "ipip" and (kind, mode) != ("tuntap", "tun")


def own_mac(kind: str, mode: str | None) -> bool:
    """Whether a link has a MAC address of its own, which can be set."""
    return is_ethernet(kind, mode) and kind != "ipvlan"


def overhead(kind: str, attributes: Mapping[str, Any]) -> int:
    """Bytes that a link takes of its parent's MTU: 50 for VXLAN over IPv4, 70 over IPv6 (RFC 7348), 20 for ipip."""
    if kind != "vxlan":
        return 20 if kind == "ipip" else 0
    endpoint: str | None = attributes.get("local") or attributes.get("remote") or attributes.get("group")
    return 70 if endpoint and ":" in endpoint else 50
