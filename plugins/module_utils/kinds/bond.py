# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bonded interfaces (drivers/net/bonding/bond_options.c)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    PORT,
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
MIIMON = 100  # milliseconds; drivers/net/bonding/bonding_priv.h: BOND_DEFAULT_MIIMON
MTU = 1500  # bytes, of a new bond: net/ethernet/eth.c: ether_setup
DELAYS = ("updelay", "downdelay")
FAIL_OVER_MAC = ("none", "active", "follow")
HASH_POLICIES = ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac")


def _numbered(*names: str) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _check(wanted: Attributes) -> Iterator[Fault]:
    miimon = wanted.get("miimon")
    for name in DELAYS:
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


def _besides(wanted: Attributes, known: Attributes) -> tuple[dict[str, Any], dict[str, Any]]:
    """bond_options.c: bond_option_mode_set and bond_option_miimon_set.

    A mode without monitoring by ARP switches on checks of the carrier, and each mode begins without validation of ARP.
    Delays are kept as multiples of miimon, so they change with it, and end with it.
    """
    sent: dict[str, Any] = {}
    ends: dict[str, Any] = {}
    before = known.get("miimon") or 0
    miimon = wanted.get("miimon", before)
    if "mode" in wanted and wanted["mode"] != known.get("mode"):
        if wanted["mode"] in MODES_WITHOUT_ARP and not before:
            sent["miimon"] = miimon = wanted.get("miimon", MIIMON)
        elif known.get("arp_validate"):
            sent["arp_validate"] = known["arp_validate"]
    for name in DELAYS if miimon != before else ():
        if known.get(name) and not miimon:
            ends[name] = 0
        elif known.get(name):
            delay = wanted.get(name, known[name])
            sent[name] = delay - delay % miimon
    return sent, ends


def _moves_macs(bond: Attributes) -> bool:
    """bond_main.c: bond_do_fail_over_mac, bond_set_mac_address."""
    return bond.get("mode") == "active-backup" and bond.get("fail_over_mac") in FAIL_OVER_MAC[1:]


def _unseen(option: Option) -> Option:
    """An option that no parameter sets."""
    return option._replace(spec=None)


KIND = Kind(
    "bond",
    options={
        # BOND_OPTFLAG_IFDOWN and BOND_OPTFLAG_NOSLAVES, and which modes have what: unsuppmodes
        "mode": named("IFLA_BOND_MODE", _numbered(*MODES), down=True, empty=True),
        "miimon": number("IFLA_BOND_MIIMON", 0, 2**31 - 1, "milliseconds"),
        # Whoever monitors by ARP has said whom to ask, so no parameter sets it.
        "arp_interval": _unseen(number("IFLA_BOND_ARP_INTERVAL", 0, 2**31 - 1, usual=(0,))),
        "arp_validate": _unseen(number("IFLA_BOND_ARP_VALIDATE", 0, 6, usual=(0,))),
        "fail_over_mac": _unseen(
            named("IFLA_BOND_FAIL_OVER_MAC", _numbered(*FAIL_OVER_MAC), usual=("none",), modes=("active-backup",))
        ),
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
    defaults={"mtu": MTU},  # which its ports get
    ports=Ports(  # bond_main.c: bond_enslave, bond_change_mtu, __bond_release_one
        options={"own_mac": _unseen(Option("IFLA_BOND_SLAVE_PERM_HWADDR", values.mac, PORT))},
        join_down=True,
        left_down=True,
        needed=True,
        gives_mtu=True,
        own_mac="own_mac",
        moves_macs=_moves_macs,
    ),
    module="bonding",
    besides=_besides,
    check=_check,
    check_all=_check_all,
)
