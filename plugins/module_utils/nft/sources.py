# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the interfaces of pods may send, as rules. Pure.

A pod on a bridge is checked by the bridge, before its frames get to other ports or to the host. A routed pod is checked
by the host, before it looks for a route. Frames have the pod's MAC address, packets and ARP have its addresses, and
neighbour advertisements are about them (RFC 4861, section 4.4: the target follows 8 bytes of ICMPv6). A pod sends
nothing else: no router advertisements and redirects, no tags of VLANs, no other protocols on Ethernet.

IPv6 has packets without a source while an address is new (RFC 4862, RFC 3810), and a link-local address that follows
from the MAC address (RFC 4291, appendix A).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Union

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import BRIDGE, FAMILY, Lookup, lookup
from ansible_collections.weft.fabric.plugins.module_utils.nft.sets import INTERFACE, Element, Field, Set

COUNTER = "spoofed"

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

_INTERFACE = Field(INTERFACE)
_MAC, _IPV4, _IPV6, _TARGET = Field("ether saddr"), Field("ip saddr"), Field("ip6 saddr"), Field("@th,64,128")
_DROP = f"counter name {COUNTER} drop"
_UNSPECIFIED = "{ nd-router-solicit, nd-neighbor-solicit, mld-listener-report, mld2-listener-report }"


class Source(NamedTuple):
    """An address that packets from the host's end of a pod's pair may have.

    :ivar family: that of the table: BRIDGE if the interface is a port of a bridge, otherwise FAMILY.
    :ivar mac: the pod's.
    """

    family: str
    interface: str
    mac: str
    address: Address


def parse(where: str, given: Any) -> frozenset[Source]:
    """Sources from interfaces: ``{interface, bridged, mac_address, addresses}``.

    :raises InvalidParameter: for the first parameter that is wrong.
    """
    found = set()
    for index, item in enumerate(values.items(where, given)):
        place = f"{where}[{index}]"
        one = values.mapping(place, item)
        values.known(f"{place}.", one, ("interface", "bridged", "mac_address", "addresses"), "a source")
        name = values.ifname(f"{place}.interface", one.get("interface"))
        if re.search(r'["\\]|\*$', name):
            raise InvalidParameter(
                f"{place}.interface", name, 'nftables takes no " and \\ and no * at the end: rename it'
            )
        mac = values.mac(f"{place}.mac_address", one.get("mac_address"))
        family = BRIDGE if values.boolean(f"{place}.bridged", one.get("bridged")) else FAMILY
        addresses = values.items(f"{place}.addresses", one.get("addresses"))
        if not addresses:
            raise InvalidParameter(f"{place}.addresses", addresses, "give the addresses of the pod")
        for number, address in enumerate(addresses):
            own = ipaddress.ip_address(values.address(f"{place}.addresses[{number}]", address))
            found.add(Source(family, name, mac, own))
    return frozenset(found)


def rules(content: Iterable[Source]) -> tuple[Lookup, ...]:
    """The rules of both tables."""
    listed = list(content)
    families = ((family, [one for one in listed if one.family == family]) for family in (BRIDGE, FAMILY))
    return tuple(rule for family, own in families if own for rule in _checking(family, own))


def _checking(family: str, listed: list[Source]) -> Iterator[Lookup]:
    ports = Set("ports", (_INTERFACE,), frozenset((one.interface,) for one in listed), line=_line)
    macs = _set("macs", _MAC, ((one.interface, one.mac) for one in listed))
    ipv4 = _set("addresses_4", _IPV4, ((one.interface, str(one.address)) for one in listed if one.address.version == 4))
    # The kernel gives every interface a link-local address.
    there = {(one.interface, _local(one.mac)) for one in listed}
    there |= {(one.interface, one.address) for one in listed if isinstance(one.address, ipaddress.IPv6Address)}
    ipv6 = _set("addresses_6", _IPV6, ((name, str(own)) for name, own in there))
    targets = _set("targets", _TARGET, ((name, int(own)) for name, own in there))

    def rule(text: str, *named: Set) -> Lookup:
        return lookup(family, "prerouting", text, named, [COUNTER] if COUNTER in text else [])

    yield rule(f"iifname != @{ports.name} accept", ports)
    yield rule(f"meta iifname . ether saddr != @{macs.name} {_DROP}", macs)
    if family == BRIDGE:
        yield rule(f"ether type arp meta iifname . arp saddr ether != @{macs.name} {_DROP}")
        yield rule("arp saddr ip 0.0.0.0 accept")  # a probe (RFC 5227)
        yield rule(f"meta iifname . arp saddr ip @{ipv4.name} accept")
    yield rule(f"{ipv4.looked_up} accept", ipv4)
    yield rule(f"icmpv6 type {{ nd-router-advert, nd-redirect }} {_DROP}")
    yield rule(f"icmpv6 type nd-neighbor-advert meta iifname . {_TARGET.type} != @{targets.name} {_DROP}", targets)
    yield rule(f"{ipv6.looked_up} accept", ipv6)
    yield rule(f"ip6 saddr :: icmpv6 type {_UNSPECIFIED} accept")
    yield rule(_DROP)


def _set(name: str, field: Field, elements: Iterable[Element]) -> Set:
    return Set(name, (_INTERFACE, field), frozenset(elements), line=_line)


def _local(mac: str) -> ipaddress.IPv6Address:
    """The link-local address that the kernel makes of a MAC address."""
    first, *rest = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([first ^ 2, *rest[:2], 0xFF, 0xFE, *rest[2:]])
    return ipaddress.IPv6Address(b"\xfe\x80" + bytes(6) + identifier)


def _line(element: Element) -> str:
    """One line for each of the pod's addresses, and one for everything that follows from the interface itself."""
    name, *own = element
    address = ipaddress.IPv6Address(own[0]) if own and isinstance(own[0], int) else own[0] if own else ""
    is_own = not _OF_INTERFACE(str(address))
    return f"source {name} {address}" if is_own else f"source {name}"


_OF_INTERFACE = re.compile(r"|fe80:.*|[0-9a-f]{2}(:[0-9a-f]{2}){5}").fullmatch
