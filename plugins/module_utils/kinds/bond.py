# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bonded interfaces (drivers/net/bonding/bond_options.c)."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    Attributes,
    Fault,
    Kind,
    Option,
    Ports,
    named,
    number,
)

MODES = ("balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb", "balance-alb")
MODES_WITHOUT_ARP = ("802.3ad", "balance-tlb", "balance-alb")  # include/net/bonding.h: bond_mode_uses_arp
HASH_POLICIES = ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac")


def _numbered(*names: str) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _check(wanted: Attributes) -> Iterator[Fault]:
    miimon = wanted.get("miimon")
    for name in ("updelay", "downdelay"):
        if wanted.get(name) and (not miimon or wanted[name] % miimon):
            # bond_main.c rounds it down to a multiple, so it would never be what was asked for
            yield name, "give miimon too, and a multiple of it"


def _check_all(wanted: Attributes, known: Attributes | None) -> Iterator[Fault]:
    """Monitoring by ARP ends without a word if the carrier is monitored, or in a mode that does not have it."""
    if not (known or {}).get("arp_interval"):
        return
    for name, ends in (("miimon", bool(wanted.get("miimon"))), ("mode", wanted.get("mode") in MODES_WITHOUT_ARP)):
        if ends:
            yield name, "the bond monitors its ports by ARP, which this would end: set its arp_interval to 0 first"


KIND = Kind(
    "bond",
    options={
        # BOND_OPTFLAG_IFDOWN and BOND_OPTFLAG_NOSLAVES, and which modes have what: unsuppmodes
        "mode": named("IFLA_BOND_MODE", _numbered(*MODES), down=True, empty=True),
        "miimon": number("IFLA_BOND_MIIMON", 0, 2**31 - 1, "milliseconds"),
        # Whoever monitors by ARP has said whom to ask, so no parameter sets it.
        "arp_interval": number("IFLA_BOND_ARP_INTERVAL", 0, 2**31 - 1, usual=(0,))._replace(spec=None),
        "updelay": number("IFLA_BOND_UPDELAY", 0, 2**31 - 1, "milliseconds"),
        "downdelay": number("IFLA_BOND_DOWNDELAY", 0, 2**31 - 1, "milliseconds"),
        "xmit_hash_policy": named("IFLA_BOND_XMIT_HASH_POLICY", _numbered(*HASH_POLICIES)),
        "lacp_rate": named("IFLA_BOND_AD_LACP_RATE", _numbered("slow", "fast"), down=True, modes=("802.3ad",)),
        "ad_select": named(
            "IFLA_BOND_AD_SELECT", _numbered("stable", "bandwidth", "count"), down=True, modes=("802.3ad",)
        ),
        "min_links": number("IFLA_BOND_MIN_LINKS", 0, 2**31 - 1),
        "primary": Option(
            "IFLA_BOND_PRIMARY", values.link_name, link=True, modes=("active-backup", "balance-tlb", "balance-alb")
        ),
    },
    ports=Ports(join_down=True, left_down=True, needed=True),  # bond_main.c: bond_enslave, __bond_release_one
    module="bonding",
    check=_check,
    check_all=_check_all,
)
