# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of parameters: each function refuses a wrong value, and returns a right one in its canonical form.

Two values with the same meaning are equal in that form. All functions take ``where`` first, the parameter as the user
wrote it (``entries[3].dst``), and raise InvalidParameter. They use inet_pton and inet_ntop, because ten thousand
entries pass through here: the module ipaddress takes ten times as long.
"""

from __future__ import annotations

import grp
import hashlib
import pwd
import re
import socket
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from typing import Any, Callable

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

ZERO_MAC = "00:00:00:00:00:00"
IPV4_MTU = 68  # the least that a link with IPv4 has (RFC 791)
IPV6_MTU = 1280  # the least that a link with IPv6 has (RFC 8200, section 5)
LARGEST_MTU = 65535
LONGEST_IFNAME = 15  # bytes (include/uapi/linux/if.h: IFNAMSIZ)
LARGEST_VNI = 2**24 - 1  # RFC 7348
LARGEST_VLAN = 4094  # IEEE 802.1Q
MAIN_TABLE, LOCAL_TABLE = 254, 255  # include/uapi/linux/rtnetlink.h: RT_TABLE_MAIN, RT_TABLE_LOCAL
# rtnetlink's mark of who installed a route or a rule (rtm_protocol). Ours is one that nobody has registered in
# iproute2's rt_protos, so that purging never touches those of a routing daemon, of DHCP or of an administrator.
ROUTE_PROTOCOL = 119
ROUTE_PROTOCOLS = range(119, 128)  # for documents that share an interface and are purged apart
# Marks of rules and neighbours that belong in a document: ours, those of administrators, and none, as ip(8) sets.
DECLARED_PROTOCOLS = (0, 3, 4, *ROUTE_PROTOCOLS)
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}  # the destination of a default route, by IP version
_MAC = re.compile("(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", re.ASCII).fullmatch
_UNICAST = re.compile("[0-9a-f][02468ace](?::[0-9a-f]{2}){5}", re.ASCII).fullmatch
_TO_ZEROS = bytes.maketrans(b"123456789abcdef", b"0" * 15)
_HOSTS = bytes(range(1, 224))  # the first byte of an IPv4 address of one host
_DIGITS = re.compile("[0-9]{1,10}", re.ASCII).fullmatch
_NOBODY = ("0.0.0.0", "::", "255.255.255.255")
_SUSPECT = ("2", "ff", "0", "::")  # how these and multicast addresses begin; most others need no second look
_TRUE = ("true", "yes", "on", "1")
_FALSE = ("false", "no", "off", "0")


def given(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters that the user gave, without those that Ansible fills with None."""
    return {name: value for name, value in parameters.items() if value is not None}


def mapping(where: str, value: Any) -> dict[str, Any]:
    """A dictionary."""
    if not isinstance(value, dict):
        raise InvalidParameter(where, value, "give a dictionary")
    return value


def items(where: str, value: Any) -> list[Any]:
    """A list; an empty one for None."""
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        raise InvalidParameter(where, value, "give a list")
    return list(value)


def known(where: str, item: Mapping[str, Any], names: Iterable[str], what: str) -> None:
    """Refuse parameters that an item does not take.

    :param what: the item in a message: ``a route``.
    """
    for name, value in item.items():
        if name not in names:
            raise InvalidParameter(f"{where}{name}", value, f"{what} takes only {', '.join(names)}")


def integer(where: str, value: Any, low: int, high: int, unit: str = "") -> int:
    """A whole number from low to high, also given as a string of digits (as templates do)."""
    number = int(value) if isinstance(value, str) and _DIGITS(value) else value
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise InvalidParameter(
            where, value, f"give a whole number from {low} to {high}" + (f" ({unit})" if unit else "")
        )
    return number


def mtu(where: str, value: Any, least: int = IPV4_MTU) -> int:
    """An MTU in bytes."""
    return integer(where, value, least, LARGEST_MTU, "bytes")


def port(where: str, value: Any) -> int:
    """A port of TCP or UDP."""
    return integer(where, value, 1, 65535)


def vni(where: str, value: Any) -> int:
    """A VXLAN network identifier."""
    return integer(where, value, 0, LARGEST_VNI)


def vlan_id(where: str, value: Any) -> int:
    """The number of a VLAN."""
    return integer(where, value, 1, LARGEST_VLAN)


def boolean(where: str, value: Any) -> bool:
    """True or false, also in YAML's other spellings."""
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidParameter(where, value, "give true or false")


def user(where: str, value: Any) -> int:
    """The number of a user of this host, from a number or a name."""
    return _account(where, value, "user", lambda name: pwd.getpwnam(name).pw_uid)


def group(where: str, value: Any) -> int:
    """The number of a group of this host, from a number or a name."""
    return _account(where, value, "group", lambda name: grp.getgrnam(name).gr_gid)


def _account(where: str, value: Any, what: str, number_of: Callable[[str], int]) -> int:
    if isinstance(value, str) and not _DIGITS(value):
        try:
            return number_of(value)
        except (KeyError, ValueError):  # ValueError: it holds NUL, or half a character
            raise InvalidParameter(where, value, f"this host has no such {what}: give its name or number") from None
    return integer(where, value, 0, 2**32 - 2)


def choice(where: str, value: Any, choices: Collection[str]) -> str:
    """One of a list of words."""
    if not isinstance(value, str) or value not in choices:
        raise InvalidParameter(where, value, "give one of " + ", ".join(choices))
    return value


def text(where: str, value: Any) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise InvalidParameter(where, value, "give a name")
    return value


def _is_name(value: str) -> bool:
    # NUL and half characters (JSON can hold "\\ud800") cannot be passed to the kernel. A regular expression of these
    # takes longer to compile than all others together.
    return value != "" and not any(
        letter in "/\0" or letter.isspace() or "\ud800" <= letter <= "\udfff" for letter in value
    )


def ifname(where: str, value: Any) -> str:
    """An interface's own name (net/core/dev.c: dev_valid_name, net/core/sysctl_net_core.c)."""
    if value in _ALL_INTERFACES:
        raise InvalidParameter(where, value, "the kernel's parameters have it for all interfaces: choose another name")
    return _ifname(where, value, LONGEST_IFNAME)


def link_name(where: str, value: Any) -> str:
    """A name that an interface is found by: its own, or an alternative one (ip-link(8), ALTIFNAMSIZ)."""
    return _ifname(where, value, 127)


def _ifname(where: str, value: Any, longest: int) -> str:
    wrong = _ifname_wrong(value, longest) if isinstance(value, str) else _IFNAME
    if wrong or not isinstance(value, str):
        raise InvalidParameter(where, value, wrong)
    return value


_ALL_INTERFACES = ("all", "default")
_IFNAME = "an interface name holds 1 to 15 characters, and no white space, '/', ':' or '%'"


@lru_cache  # ten thousand entries are on a handful of devices
def _ifname_wrong(value: str, longest: int) -> str:
    if not _is_name(value) or value in (".", "..") or ":" in value or "%" in value:
        return _IFNAME
    octets = value.encode()
    if b"\xa0" in octets:
        return "the kernel takes a byte of this letter for white space (0xa0): choose another name"
    if len(octets) > longest:
        return f"an interface name has at most {longest} bytes, this one has {len(octets)}"
    return ""


def netns(where: str, value: Any) -> str:
    """A namespace's name: a file name below /run/netns (ip-netns(8))."""
    if isinstance(value, str) and _is_name(value) and value not in (".", "..") and len(value.encode()) <= 255:
        return value
    raise InvalidParameter(where, value, "a namespace's name holds no '/' and no white space, and has 1 to 255 bytes")


def namespace(where: str, value: Any) -> str:
    """A namespace by its name, its path, or the number of a process in it (ip-link(8), ``netns``)."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.startswith("/"):
        return netns(where, text)
    if not text.isprintable() or len(text.encode("utf-8", "replace")) > 4095:
        raise InvalidParameter(where, value, "a namespace's path is one printable line of at most 4095 bytes")
    return text


def is_process(netns: str) -> bool:
    """Whether a namespace is given by a process, which ends, and whose number another one gets."""
    return bool(_DIGITS(netns)) or netns.startswith("/proc/")


_LONGEST_NUMBER = 12  # digits; the largest is 60 ** 6


def _base_60(number: int) -> str:
    """A number as YAML 1.1 writes it in base 60, in six pairs of digits."""
    digits = []
    for _digit in range(6):
        number, digit = divmod(number, 60)
        digits.append(f"{digit:02d}")
    return ":".join(reversed(digits))


def mac(where: str, value: Any, zero: bool = False) -> str:
    """A unicast Ethernet address in lower case with colons.

    :param zero: whether 00:00:00:00:00:00 is allowed (the FDB's entry for all MAC addresses without one of their own).
    """
    address: str = value.lower() if isinstance(value, str) else ""
    if _UNICAST(address) and (zero or address != ZERO_MAC):
        return address
    if not _MAC(address):
        number = str(value)
        if number.isdecimal() and len(number) < _LONGEST_NUMBER:
            remedy = f"YAML has read it as a number: quote it, '{_base_60(int(number))}'"
            raise InvalidParameter(where, value, remedy)
        raise InvalidParameter(where, value, "give a MAC address as six hexadecimal pairs: 02:00:5e:10:00:01")
    if address[1] in "13579bdf":
        raise InvalidParameter(
            where,
            value,
            "this is a multicast address (its first byte is odd): give a unicast one, like 02:00:5e:10:00:01",
        )
    raise InvalidParameter(where, value, "all zeros is no interface's address: give a unicast one")


def derived_mac(text: str) -> str:
    """A MAC from 46 bits of a hash: locally administered, unicast (IEEE 802-2014, section 8.4)."""
    digest = hashlib.blake2s(text.encode(), digest_size=6).digest()
    return ":".join(f"{octet:02x}" for octet in (digest[0] & 0xFC | 0x02, *digest[1:]))


def are_plain_macs(values: Sequence[str]) -> bool:
    """Whether all are unicast MAC addresses other than all zeros, in the form that mac() returns."""
    lines = ("\n".join(values) + "\n").encode("ascii", "replace")
    alike = lines.translate(_TO_ZEROS) == b"00:00:00:00:00:00\n" * len(values)
    return alike and not lines[1::18].translate(None, b"02468ace") and ZERO_MAC.encode() not in lines


def are_plain_hosts(values: Sequence[str]) -> bool:
    """Whether all are IPv4 addresses of one host each, in the form that unicast() returns."""
    try:
        # inet_pton takes only dotted quads without leading zeros, which is the canonical form.
        packed = b"".join(map(socket.inet_pton, repeat(socket.AF_INET), values))
    except (OSError, ValueError):
        return False
    return not packed[::4].translate(None, _HOSTS)


def family(value: str) -> int:
    """AF_INET or AF_INET6 of a normalised address or CIDR."""
    return socket.AF_INET6 if ":" in value else socket.AF_INET


def address(where: str, value: Any) -> str:
    """An IPv4 or IPv6 address without prefix length, in its canonical form (RFC 5952)."""
    if isinstance(value, str):
        kind = socket.AF_INET6 if ":" in value else socket.AF_INET
        try:
            return socket.inet_ntop(kind, socket.inet_pton(kind, value))
        except (OSError, ValueError):  # ValueError: it holds NUL, or half a character
            if "/" in value:
                remedy = "give the address alone, without a prefix length"
                raise InvalidParameter(where, value, remedy) from None
    raise InvalidParameter(where, value, "give an IPv4 or IPv6 address, like 192.168.1.138 or 2001:db8::1")


def is_multicast(value: str) -> bool:
    """Whether a normalised address is a multicast one."""
    # ff0:: is 0ff0::, which is none.
    return (
        value.startswith("ff") and value.find(":") == 4 if ":" in value else 224 <= int(value.split(".", 1)[0]) <= 239
    )


def unicast(where: str, value: Any) -> str:
    """The address of one host, in its canonical form."""
    found = address(where, value)
    if found.startswith(_SUSPECT) and (is_multicast(found) or found in _NOBODY):
        raise InvalidParameter(
            where, value, "give the address of one host: not multicast, not broadcast, not all zeros"
        )
    return found


def _split(where: str, value: Any, example: str) -> tuple[str, int]:
    """(canonical address, prefix length) of CIDR notation."""
    head, slash, tail = value.partition("/") if isinstance(value, str) else ("", "", "")
    if not slash:
        raise InvalidParameter(where, value, f"give it with its prefix length: {example}")
    try:
        found = address(where, head)
    except InvalidParameter:
        raise InvalidParameter(where, value, f"give an IPv4 or IPv6 address in CIDR notation: {example}") from None
    limit = 128 if ":" in found else 32
    if not _DIGITS(tail) or int(tail) > limit:
        raise InvalidParameter(where, value, f"the prefix length is a number from 0 to {limit}")
    return found, int(tail)


def network(where: str, value: Any) -> str:
    """A subnet in CIDR notation, without host bits."""
    found, prefix = _split(where, value, "192.168.2.0/24")
    kind = family(found)
    packed = socket.inet_pton(kind, found)
    bits = len(packed) * 8
    mask = ((1 << prefix) - 1) << (bits - prefix)
    base = socket.inet_ntop(kind, (int.from_bytes(packed, "big") & mask).to_bytes(len(packed), "big"))
    if base != found:
        raise InvalidParameter(where, value, f"it has host bits set: did you mean {base}/{prefix}?")
    return f"{base}/{prefix}"


def network_or_address(where: str, value: Any) -> str:
    """A network, or a single address."""
    return network(where, value) if "/" in str(value) else address(where, value)


def interface_address(where: str, value: Any) -> str:
    """An interface's own address with its prefix length."""
    found, prefix = _split(where, value, "172.2.0.1/24")
    if is_multicast(found) or found in _NOBODY:
        raise InvalidParameter(where, value, "an interface's own address is a unicast address")
    return f"{found}/{prefix}"
