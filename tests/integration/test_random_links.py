# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Random links from iproute2, with attributes that nobody models: they survive every change beside them."""

from __future__ import annotations

import functools
import subprocess
from typing import Any, NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.kernel.netlink import Kernel
from ansible_collections.weft.fabric.plugins.module_utils.kernel.observe import observe
from ansible_collections.weft.fabric.plugins.module_utils.kernel.scope import everything
from ansible_collections.weft.fabric.plugins.module_utils.kinds import kind_of
from ansible_collections.weft.fabric.plugins.module_utils.model import facts
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import (
    ip_batch,
    ip_json,
    new_namespace,
    unchanged,
)


class Words(NamedTuple):
    """How iproute2 makes links of a kind.

    :ivar made: the command, for a link NAME on a link of its own, UNDER.
    :ivar options: further words of that command, each by itself.
    :ivar change: options of a task, each with another value, and how iproute2 names it.
    """

    made: str
    options: tuple[str, ...] = ()
    change: tuple[tuple[str, Any, str], ...] = ()


KINDS = {
    "bridge": Words(
        "link add NAME type bridge",
        (
            "forward_delay 400", "hello_time 300", "max_age 1000", "ageing_time 10000", "stp_state 1", "priority 9",
            "group_fwd_mask 8", "group_address 01:80:c2:00:00:05", "vlan_filtering 1", "vlan_protocol 802.1ad",
            "vlan_default_pvid 7", "vlan_stats_enabled 1", "mcast_router 2", "mcast_snooping 0", "mcast_querier 1",
            "mcast_query_use_ifaddr 1", "mcast_hash_max 1024", "mcast_last_member_count 3", "mcast_igmp_version 3",
            "mcast_startup_query_count 3", "mcast_last_member_interval 200", "mcast_membership_interval 30000",
            "mcast_querier_interval 20000", "mcast_query_interval 12000", "mcast_query_response_interval 900",
            "mcast_startup_query_interval 3000", "mcast_stats_enabled 1", "mcast_mld_version 2", "nf_call_iptables 1",
            "nf_call_ip6tables 1", "nf_call_arptables 1", "no_linklocal_learn 1",
        ),
        (("ageing_time", 99, "ageing_time"), ("mcast_router", 0, "mcast_router")),
    ),
    "vxlan": Words(
        "link add NAME type vxlan id NUMBER dstport 4789",
        (
            "local 10.0.0.1", "remote 10.0.0.9", "group 239.0.0.9 dev UNDER", "ttl 9", "ttl inherit", "tos 4", "df set",
            "srcport 1000 2000", "nolearning", "rsc", "proxy", "l2miss", "l3miss", "noudpcsum", "udp6zerocsumtx",
            "udp6zerocsumrx", "remcsumtx", "remcsumrx", "ageing 44", "maxaddress 9", "gbp",
            "local fd00::1 flowlabel 5",
        ),
        (("ageing", 78, "ageing"), ("learning", True, "learning")),
    ),
    "external vxlan": Words("link add NAME type vxlan external dstport 40NUMBER", ("gpe", "vnifilter", "gbp")),
    "veth": Words("link add NAME numtxqueues 3 numrxqueues 2 type veth peer name far-NAME"),
    "macvlan": Words(
        "link add link UNDER name NAME type macvlan", ("mode vepa", "mode private", "mode passthru nopromisc",
        "bcqueuelen 500", "mode source")
    ),
    "macvtap": Words("link add link UNDER name NAME type macvtap", ("mode vepa",)),
    "tuntap": Words(
        "tuntap add NAME mode tap", ("user 0", "group 0", "pi", "one_queue", "vnet_hdr", "multi_queue"),
        (("owner", 1, "user"), ("group", 1, "group")),
    ),
    "ifb": Words("link add NAME type ifb"),
    "dummy": Words("link add NAME type dummy"),
    "ipvlan": Words("link add link UNDER name NAME type ipvlan", ("mode l3", "mode l3s", "private", "vepa")),
    "vlan": Words(
        "link add link UNDER name NAME type vlan id 9",
        (
            "protocol 802.1ad", "reorder_hdr off", "gvrp on", "mvrp on", "loose_binding on", "bridge_binding on",
            "ingress-qos-map 1:2 3:4", "egress-qos-map 2:1",
        ),
    ),
    "vrf": Words("link add NAME type vrf table 10NUMBER"),
    "ipip": Words(
        "link add NAME type ipip local 10.0.0.1 remote 10.0.1.NUMBER",
        (
            "ttl 9", "tos 4", "nopmtudisc", "dev UNDER", "mode any", "ignore-df", "fwmark 7",
            "encap fou encap-sport auto encap-dport 5555 encap-csum", "encap gue encap-sport 1234 encap-dport 5556",
        ),
        (("tos", 8, "tos"), ("local", "10.0.0.2", "local")),
    ),
    "bond": Words(
        "link add NAME type bond",
        (
            "mode active-backup", "mode 802.3ad", "mode balance-xor", "miimon 200", "updelay 400", "downdelay 400",
            "use_carrier 0", "arp_interval 100 arp_ip_target 10.0.0.9", "primary_reselect better", "fail_over_mac 1",
            "xmit_hash_policy layer2+3", "resend_igmp 3", "num_grat_arp 3", "all_slaves_active 1", "min_links 2",
            "lp_interval 9", "packets_per_slave 4", "lacp_rate fast", "ad_select bandwidth", "tlb_dynamic_lb 0",
            "ad_user_port_key 7", "ad_actor_sys_prio 77", "peer_notif_delay 400", "lacp_active off",
        ),
        (("min_links", 3, "min_links"), ("xmit_hash_policy", "layer3+4", "xmit_hash_policy")),
    ),
    "wireguard": Words("link add NAME type wireguard"),
    "geneve": Words("link add NAME type geneve id NUMBER remote 10.0.0.9", ("ttl 9", "tos 4", "df set", "noudpcsum")),
    "gretap": Words("link add NAME type gretap local 10.0.0.1 remote 10.0.0.9", ("key NUMBER", "icsum ocsum", "ttl 9")),
    "sit": Words("link add NAME type sit local 10.0.0.1 remote 10.0.2.NUMBER", ("ttl 9", "isatap")),
}  # fmt: skip
LATER = (
    "mtu 1450", "txqueuelen 77", "group 5", "arp off", "multicast off", "allmulticast on", "promisc on", "up",
    "addrgenmode none", "gso_max_size 30000", "gso_max_segs 30", "gro_max_size 40000", "mode dormant", "dynamic on",
    "alias theirs", "protodown on",
)  # fmt: skip
PORT = (
    "priority 8", "cost 77", "guard on", "root_block on", "hairpin on", "learning off", "isolated on", "flood off",
    "neigh_suppress on", "mcast_router 2", "fastleave on", "mcast_flood off", "bcast_flood off", "mcast_to_unicast on",
    "proxy_arp on", "proxy_arp_wifi on", "group_fwd_mask 8", "vlan_tunnel on", "locked on", "backup_port spare0",
)  # fmt: skip
COMMON = (("mtu", 1300, "mtu"), ("ifalias", "ours", "ifalias"), ("txqueuelen", 78, "txqlen"))
PORT_CHANGE = (("cost", 78, "cost"), ("isolated", False, "isolated"))
BASE = (
    "link add br0 type bridge",
    "link add spare0 type veth peer name spare1",
    "link set spare0 master br0",
)


@functools.cache
def kinds() -> list[str]:
    """Those of the kinds that this kernel has."""
    with new_namespace() as place:
        ip_batch(place, "link add u0 type veth peer name far-u0")
        return [kind for kind, words in KINDS.items() if succeeds(place, filled(words.made, "l0", "u0", 10))]


def succeeds(place: str, command: str) -> bool:
    return subprocess.run(["ip", "-n", place, *command.split()], capture_output=True, check=False).returncode == 0


def filled(command: str, name: str, under: str, number: int) -> str:
    return command.replace("NAME", name).replace("UNDER", under).replace("NUMBER", str(number))


class Made(NamedTuple):
    """A link of somebody else's: the commands that make it, each of which the kernel may refuse."""

    name: str
    kind: str
    commands: tuple[str, ...]
    port: bool


def subset(values: Any, size: int) -> Any:
    return st.lists(st.sampled_from(values), unique=True, max_size=size) if values else st.just([])


@st.composite
def links(draw: Any) -> list[Made]:
    found = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(kinds()), min_size=1, max_size=4)), 11):
        name, under, words = f"l{number}", f"u{number}", KINDS[kind]
        made = filled(" ".join([words.made, *draw(subset(words.options, 4))]), name, under, number)
        later = [f"link set {name} {word}" for word in draw(subset(LATER, 4))]
        port = kind == "veth" and draw(st.booleans())
        if port:
            later.append(f"link set {name} master br0")
            later += [f"link set {name} type bridge_slave {word}" for word in draw(subset(PORT, 6))]
        later += [f"link property add dev {name} altname other-{name}"] if draw(st.booleans()) else []
        found.append(Made(name, kind, (f"link add {under} type veth peer name far-{under}", made, *later), port))
    return found


def states(place: str) -> dict[str, dict[str, Any]]:
    """What iproute2 says of each link, in parts; without timers, and without the carrier, which comes later."""
    found = {}
    for link in ip_json(place, "link"):
        info = link.pop("linkinfo", {})
        link["flags"] = [flag for flag in link["flags"] if flag not in ("NO-CARRIER", "LOWER_UP", "M-DOWN")]
        parts = {
            **link,
            "operstate": None,
            "kind": info.get("info_kind"),
            **info.get("info_data", {}),
            **info.get("info_slave_data", {}),
        }
        found[link["ifname"]] = {key: value for key, value in parts.items() if not key.endswith("_timer")}
    return found


def described(place: str) -> dict[str, Any]:
    """What topology_info returns."""
    with Kernel() as kernel:
        return facts.document(observe(kernel, {place: everything()})[place])


def beside(made: Made) -> set[str]:
    """A link, and those of which iproute2 says something else without it."""
    under = made.name.replace("l", "u")
    return {made.name, f"far-{made.name}", under, *(("br0", "spare0") if made.port else ())}


def differing(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {key for key in {*before, *after} if before.get(key) != after.get(key)}


@settings(max_examples=15)
@given(links(), st.data())
def test_links_of_others_survive(given_links: list[Made], data: Any) -> None:
    with new_namespace() as place:
        ip_batch(place, *BASE)
        lines = [line for made in given_links for line in made.commands]
        subprocess.run(
            ["ip", "-n", place, "-force", "-batch", "-"],
            input="\n".join(lines), capture_output=True, text=True, check=False,
        )  # fmt: skip
        before = states(place)

        # Asked for as they are.
        document = described(place)
        with unchanged(place):
            assert not reconcile(parse_topology({place: document}, purge=True)).changed
        assert states(place) == before

        # Something else is changed.
        others = [
            {"name": "br1", "kind": "bridge", "admin_state": "down", "addresses": ["10.9.0.1/24"]},
            {"name": "p0", "kind": "veth", "controller": "br1", "admin_state": "down", "peer": {"name": "p1"}},
        ]
        assert reconcile(parse_topology({place: {"links": others}})).changed
        after = states(place)
        assert {name: after[name] for name in before} == before

        # One attribute of one of them is changed.
        there = [made for made in given_links if made.name in before]
        if not there:
            return
        made = data.draw(st.sampled_from(there))
        option, value, key = data.draw(st.sampled_from(COMMON + KINDS[made.kind].change + PORT_CHANGE * made.port))
        (item,) = [link for link in document["links"] if link["name"] == made.name]
        record = kind_of(item.get("kind"))
        needed = {"name", "kind", "admin_state", "controller", record.parent, *record.required, *record.either}
        asked = {name: item[name] for name in item if name in needed}
        wanted = {place: {"links": [{**asked, option: value}]}}
        changed = reconcile(parse_topology(wanted)).changed
        after = states(place)
        assert differing(before[made.name], after[made.name]) == ({key} if changed else set())
        assert {name: after[name] for name in before if name != made.name} == {
            name: state for name, state in before.items() if name != made.name
        }
        with unchanged(place):
            assert not reconcile(parse_topology(wanted)).changed

        # And the link is removed, unless nobody could say what it is.
        if "kind" not in item:
            return
        gone = {"name": made.name, "kind": item["kind"], "state": "absent"}
        assert reconcile(parse_topology({place: {"links": [gone]}})).changed
        left = states(place)
        assert made.name not in left
        theirs = {name for name in after if name not in beside(made)}
        assert {name: left[name] for name in theirs} == {name: after[name] for name in theirs}
