# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What keeps packets from getting through a host, as nft, iptables and the kernel have it."""

from __future__ import annotations

import shutil
import subprocess
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel

NFT = {
    "a policy": ("chain c { type filter hook forward priority 0; policy drop; }", ("inet", "forward", True)),
    "a rule": ("chain c { type filter hook input priority 0; udp dport 8472 drop; }", ("inet", "input", False)),
    "a rule for all": ("chain c { type filter hook forward priority 0; counter drop; }", ("inet", "forward", True)),
    "a refusal": ("chain c { type filter hook output priority 0; tcp dport 80 reject; }", ("inet", "output", False)),
    "a jump": (
        "chain u { drop; } chain c { type filter hook prerouting priority 0; udp dport 8472 jump u; }",
        ("inet", "prerouting", False),
    ),
    "a jump for all": (
        "chain v { counter drop; } chain u { goto v; } chain c { type filter hook forward priority 0; jump u; }",
        ("inet", "forward", True),
    ),
    "none of it": (
        "chain u { drop; } chain v { jump w; } chain w { accept; } "
        "chain c { type filter hook forward priority 0; policy accept; jump v; ip saddr 10.0.0.1 accept; }",
        None,
    ),
}


def loaded(table: str, chains: str) -> str:
    """The command that makes a table."""
    lines = chains.replace("} ", "}\n")
    return f"nft -f - <<'END'\ntable inet {table} {{\n{lines}\n}}\nEND"


@pytest.fixture
def read(run_module, ns):
    """Run commands in a new namespace, and read what obstacles_info finds there."""
    place = ns()

    def call(*commands: str, **parameters: Any) -> Any:
        with kernel.inside(place):
            for command in commands:
                kernel.run("sh", "-c", command)
            done = run_module("obstacles_info", **parameters)
        assert "msg" not in done, done
        assert done["changed"] is False
        return done

    return call


@pytest.mark.older_host
@pytest.mark.parametrize("case", NFT)
def test_nft(read, case: str) -> None:
    rules, found = NFT[case]
    chains = read(loaded("other", rules))["chains"]
    assert [(chain["family"], chain["hook"], chain["all"]) for chain in chains] == ([found] if found else [])
    assert all((chain["table"], chain["chain"]) == ("other", "c") for chain in chains)


def test_tables_of_ours_are_left_out(read) -> None:
    rule = "chain c { type filter hook forward priority 0; policy drop; }"
    assert read(loaded("weft_isolation", rule))["chains"] == []


@pytest.mark.parametrize("variant", ["nft", "legacy"])
@pytest.mark.parametrize("program", ["iptables", "ip6tables"])
def test_iptables(read, ns, program: str, variant: str) -> None:
    name = f"{program}-{variant}"
    probe = ["ip", "netns", "exec", ns(), name, "-L"]
    if not shutil.which(name) or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"{name} does not work on this machine")
    family = "ip6" if program == "ip6tables" else "ip"
    there = {"family": family, "table": "filter"}
    chains = read(
        f"{name} -P FORWARD DROP",
        f"{name} -A INPUT -p udp --dport 8472 -j REJECT",
        f"{name} -N ALL",
        f"{name} -A ALL -j DROP",
        f"{name} -A OUTPUT -j ALL",
    )["chains"]
    assert sorted(chains, key=lambda chain: chain["chain"]) == [
        {**there, "chain": "FORWARD", "hook": "forward", "all": True},
        {**there, "chain": "INPUT", "hook": "input", "all": False},
        {**there, "chain": "OUTPUT", "hook": "output", "all": True},
    ]


def test_forwarding_and_counters(read) -> None:
    found = read(interfaces=["lo", "absent"])
    assert found["forwarding"] == {"ipv4": False, "ipv6": False}
    assert found["counters"] == {"lo": {"received": 0, "sent": 0, "dropped": 0}}
    found = read("sysctl -qw net.ipv4.ip_forward=1", "ip link set lo up", "ping -c2 127.0.0.1", interfaces=["lo"])
    assert found["forwarding"] == {"ipv4": True, "ipv6": False}
    # Requests and replies.
    assert found["counters"] == {"lo": {"received": 4, "sent": 4, "dropped": 0}}


def test_packets_that_this_hosts_firewall_stops_are_dropped_by_the_vxlan(read) -> None:
    rules = "chain o { type filter hook output priority 0; udp dport 8472 drop; }"
    found = read(
        "sysctl -qw net.ipv6.conf.default.disable_ipv6=1",
        "ip link add e0 up type veth peer name e1; ip link set e1 up; ip address add 192.0.2.1/24 dev e0",
        "ip link add vxlan0 type vxlan id 7 dstport 8472 local 192.0.2.1 dev e0 nolearning",
        "ip link set vxlan0 address 02:00:00:00:00:01 up; ip address add 10.0.0.1/24 dev vxlan0",
        "bridge fdb add 02:00:00:00:00:02 dev vxlan0 dst 192.0.2.2; "
        "ip neighbour add 10.0.0.2 lladdr 02:00:00:00:00:02 dev vxlan0; "
        "ip neighbour add 192.0.2.2 lladdr 02:00:00:00:00:03 dev e0",
        loaded("other", rules),
        "ping -c1 -W0.1 10.0.0.2 || true",
        interfaces=["vxlan0"],
    )
    (chain,) = found["chains"]
    assert (chain["hook"], chain["all"]) == ("output", False)
    assert (found["counters"]["vxlan0"]["sent"], found["counters"]["vxlan0"]["dropped"]) == (0, 1)
