# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ethernet bridges, and their ports (bridge(8), net/bridge/br_netlink.c)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import (
    BRIDGE,
    PORT,
    Attributes,
    Fault,
    Kind,
    Option,
    Ports,
    boolean,
    number,
)

DEFAULT_PVID = 1  # of a new bridge: br_vlan.c: br_vlan_init
VLANS = {"type": "list", "elements": "str"}
NEEDS_VLANS = "VLAN filtering in bridges (CONFIG_BRIDGE_VLAN_FILTERING)"
RESERVED = 0x7  # bits of 01:80:c2:00:00:00 to 02, which no bridge forwards (br_private.h: BR_GROUPFWD_RESTRICTED)


def vlan_numbers(ranges: Iterable[str]) -> set[int]:
    """The VLANs in a list like that of vlan_ranges()."""
    ends = [(first, last or first) for first, _dash, last in (text.partition("-") for text in ranges)]
    return {vlan for first, last in ends for vlan in range(int(first), int(last) + 1)}


def vlan_ranges(vlans: Collection[int]) -> list[str]:
    """VLANs as a list in ascending order, as few ranges as possible: ``["1", "10-20"]``."""
    starts = sorted(vlan for vlan in vlans if vlan - 1 not in vlans)
    ends = sorted(vlan for vlan in vlans if vlan + 1 not in vlans)
    return [str(first) if first == last else f"{first}-{last}" for first, last in zip(starts, ends)]


def _vlans(where: str, value: Any) -> list[str]:
    found: set[int] = set()
    for index, item in enumerate(values.items(where, value)):
        here = f"{where}[{index}]"
        first, dash, last = str(item).partition("-")
        low = values.vlan_id(here, first)
        high = values.vlan_id(here, last) if dash else low
        if high < low:
            raise InvalidParameter(here, item, "give the lower VLAN first")
        found.update(range(low, high + 1))
    return vlan_ranges(found)


def _check(wanted: Attributes) -> Iterator[Fault]:
    if wanted.get("group_fwd_mask", 0) & RESERVED:
        yield "group_fwd_mask", "the lowest three bits are of groups that no bridge forwards: leave them out"


def _check_all(wanted: Attributes, known: Attributes | None) -> Iterator[Fault]:
    attributes = {**(known or {}), **wanted}
    if attributes.get("stp") and wanted.get("forward_delay", 2) < 2:  # br_stp.c: br_set_forward_delay
        yield "forward_delay", "with stp, give 2 to 30 seconds"


def _check_port(wanted: Attributes) -> Iterator[Fault]:
    vlans = wanted.get("vlans")
    if vlans is None:
        return
    members = vlan_numbers(vlans)
    if "pvid" in wanted and wanted["pvid"] not in members:
        yield "pvid", f"vlans lists all VLANs of the port ({','.join(vlans)}), and not this one: list it"
    if not vlan_numbers(wanted.get("untagged", ())) <= members:
        yield "untagged", f"vlans lists all VLANs of the port ({','.join(vlans)}), and not all of these: list them"


def _settle(wanted: Attributes, known: Attributes) -> dict[str, Any]:
    """The VLANs of a port: what is asked for, and of the others those that stay."""
    asked = {wanted["pvid"]} if "pvid" in wanted else set()
    if "vlans" in wanted:
        members = vlan_numbers(wanted["vlans"])
    else:
        members = vlan_numbers([*known.get("vlans", ()), *wanted.get("untagged", ())]) | asked
    bare = vlan_numbers(wanted["untagged"] if "untagged" in wanted else known.get("untagged", ()))
    if "untagged" not in wanted:
        bare = (bare & members) | asked
    pvid = wanted["pvid"] if asked else known.get("pvid")
    return {"pvid": pvid if pvid in members else None, "vlans": vlan_ranges(members), "untagged": vlan_ranges(bare)}


def joined(bridge: Attributes) -> dict[str, Any]:
    """The VLANs of a new port (br_vlan.c: nbp_vlan_init); nothing where bridges have no VLANs."""
    pvid = bridge.get("vlan_default_pvid", DEFAULT_PVID)
    if pvid is None:
        return {}
    own = [str(pvid)] if pvid else []
    return {"vlans": own, "untagged": own, **({"pvid": pvid} if pvid else {})}


KIND = Kind(
    "bridge",
    options={
        # The times are in hundredths of a second.
        "stp": boolean("IFLA_BR_STP_STATE", first_values=(False,)),
        "forward_delay": number("IFLA_BR_FORWARD_DELAY", 0, 30, "seconds", 100),
        "hello_time": number("IFLA_BR_HELLO_TIME", 1, 10, "seconds", 100, usual=(2,)),
        "max_age": number("IFLA_BR_MAX_AGE", 6, 40, "seconds", 100, usual=(20,)),
        "ageing_time": number("IFLA_BR_AGEING_TIME", 0, 1_000_000, "seconds", 100),
        "priority": number("IFLA_BR_PRIORITY", 0, 65535, usual=(32768,)),
        "group_fwd_mask": number("IFLA_BR_GROUP_FWD_MASK", 0, 65535, usual=(0,)),
        "vlan_filtering": boolean(
            "IFLA_BR_VLAN_FILTERING", usual=(False,), needs=NEEDS_VLANS, sign="IFLA_BR_VLAN_PROTOCOL"
        ),
        # The VLAN of new ports; no parameter sets it.
        "vlan_default_pvid": number(
            "IFLA_BR_VLAN_DEFAULT_PVID", 0, values.LARGEST_VLAN, usual=(DEFAULT_PVID,)
        )._replace(spec=None),
        "mcast_snooping": boolean("IFLA_BR_MCAST_SNOOPING", unsaid=False),
        "mcast_querier": boolean("IFLA_BR_MCAST_QUERIER", unsaid=False, usual=(False,)),
        "mcast_router": number("IFLA_BR_MCAST_ROUTER", 0, 2, usual=(1,)),
    },
    ports=Ports(
        options={
            "hairpin": boolean("IFLA_BRPORT_MODE", place=PORT, unsaid=False, usual=(False,)),
            "isolated": boolean("IFLA_BRPORT_ISOLATED", place=PORT, unsaid=False, usual=(False,)),
            "neigh_suppress": boolean("IFLA_BRPORT_NEIGH_SUPPRESS", place=PORT, unsaid=False, usual=(False,)),
            "guard": boolean("IFLA_BRPORT_GUARD", place=PORT, unsaid=False, usual=(False,)),
            "root_block": boolean("IFLA_BRPORT_PROTECT", place=PORT, unsaid=False, usual=(False,)),
            "port_learning": boolean("IFLA_BRPORT_LEARNING", place=PORT, unsaid=True, usual=(True,)),
            "port_priority": number("IFLA_BRPORT_PRIORITY", 0, 63, place=PORT, usual=(32,)),
            # What the kernel makes of the speed (br_if.c: port_cost).
            "cost": number("IFLA_BRPORT_COST", 1, 65535, place=PORT, usual=(2, 4, 19, 100)),
            "multicast_router": number("IFLA_BRPORT_MULTICAST_ROUTER", 0, 3, place=PORT, usual=(1,)),
            "pvid": number("IFLA_BRIDGE_VLAN_INFO", 1, values.LARGEST_VLAN, place=BRIDGE, needs=NEEDS_VLANS),
            "vlans": Option(
                "IFLA_BRIDGE_VLAN_INFO", _vlans, BRIDGE, spec=VLANS, unsaid=[], usual=([], ["1"]), needs=NEEDS_VLANS
            ),
            "untagged": Option(
                "IFLA_BRIDGE_VLAN_INFO", _vlans, BRIDGE, spec=VLANS, unsaid=[], usual=([], ["1"]), needs=NEEDS_VLANS
            ),
        },
        own_kind=False,  # br_if.c: br_add_if
        joined=joined,
        check=_check_port,
        settle=_settle,
    ),
    follows_ports=True,
    check=_check,
    check_all=_check_all,
)
