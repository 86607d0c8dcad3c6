# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv4-in-IPv4 tunnels (RFC 2003, net/ipv4/ipip.c: ipip_changelink)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    Attributes,
    Fault,
    Kind,
    Option,
    boolean,
    named,
    number,
)

_ENDS = ("local", "remote", "dev")  # by which the kernel tells tunnels apart (ip_tunnel.c: ip_tunnel_find)


def _four(where: str, value: Any) -> str:
    found = values.unicast(where, value)
    if ":" in found:
        raise InvalidParameter(where, value, "an ipip tunnel carries IPv4 over IPv4: give an IPv4 address")
    return found


def _unless_zero(address: str) -> str | None:
    return None if address == "0.0.0.0" else address


def _check_all(wanted: Attributes, known: Attributes | None) -> Iterator[Fault]:
    attributes = {**(known or {}), **wanted}
    if not any(attributes.get(name) for name in _ENDS):
        yield "remote", "a tunnel needs 'remote', 'local' or 'dev'"
    if attributes.get("ttl") and attributes.get("pmtudisc") is False:
        told = f"with ttl {attributes['ttl']} the kernel discovers the path's MTU"
        yield "pmtudisc", f"{told}: leave it true, or give ttl 0"


def _clash(wanted: Attributes, other: Attributes) -> Iterator[Fault]:
    if all(wanted.get(name) == other.get(name) for name in _ENDS):
        yield "remote", "has the same ends already: choose another"


KIND = Kind(
    "ipip",
    options={
        # A tunnel with a remote is another kind of device than one without.
        "local": Option("IFLA_IPIP_LOCAL", _four, decode=_unless_zero),
        "remote": Option("IFLA_IPIP_REMOTE", _four, decode=_unless_zero, fixed_values=(None,)),
        "dev": Option("IFLA_IPIP_LINK", values.link_name, link=True),
        "mode": named("IFLA_IPIP_PROTO", {"ipip": 4, "mplsip": 137, "any": 0}, fixed=True),  # IP protocol numbers
        "ttl": number("IFLA_IPIP_TTL", 0, 255),
        "tos": number("IFLA_IPIP_TOS", 0, 255),
        "pmtudisc": boolean("IFLA_IPIP_PMTUDISC"),
    },
    parent="dev",
    ethernet=False,
    own_mac=False,
    overhead=lambda _attributes: 20,
    survives=True,
    whole=True,
    fallback="tunl0",
    check_all=_check_all,
    clash=_clash,
)
