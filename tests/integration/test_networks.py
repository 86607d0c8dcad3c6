# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Networks that documents have for themselves: foreign routes that overlap them, and chains that drop their packets."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel

PODS = "172.2.0.0/16"
DOCUMENT: dict[str, Any] = {
    "networks": [PODS],
    "topology": {
        "purge": True,
        "namespaces": {
            "": {
                "links": [
                    {"name": "br0", "kind": "bridge", "addresses": ["172.2.0.1/24"]},
                    {"name": "tunnel0", "kind": "vxlan", "vni": 7, "addresses": ["172.2.0.0/32"]},
                ],
                "routes": [{"dst": "172.2.1.0/24", "via": "172.2.1.0", "dev": "tunnel0", "onlink": True}],
            }
        },
    },
    "sysctl": {"net.ipv4.ip_forward": 1},
}


@pytest.fixture
def planned(disk, run_module, ns) -> Callable[..., Any]:
    """What a host says of DOCUMENT when it is planned, after commands in a namespace with an interface of its own."""
    place = ns()
    kernel.ip_batch(place, "link add eth9 up type veth peer name eth10", "address add 192.168.7.1/24 dev eth9")
    kernel.ip(place, "link", "set", "eth10", "up")

    def call(*commands: str, first: bool = False, **more: Any) -> Any:
        with kernel.inside(place):
            if first:
                assert run_module("host", persist=False, documents={"overlay": DOCUMENT}).rc == 0
            for command in commands:
                kernel.run("sh", "-c", command)
            with kernel.unchanged(""):
                given = {"persist": False, "strict": True, "documents": {"overlay": DOCUMENT}, **more}
                return run_module("host", check=True, **given)

    yield call
    with kernel.inside(place):
        run_module("host", persist=False, documents={"overlay": {}}, state="absent")


def warnings(done: Any) -> list[str]:
    assert "msg" not in done, done
    return [one["event"]["msg"].partition(": ")[2] for one in done.get("warnings", [])]


REMEDY = "give overlay_cidr a network that this host has no route to, or remove the route"
REFUSED = {
    "a subnet of the pods": "172.2.1.0/24 via 192.168.7.9 dev eth9 proto static metric 5",
    "a part of it": "172.2.1.128/25 via 192.168.7.9 dev eth9 proto static",
    "a part of the own one": "172.2.0.64/26 via 192.168.7.9 dev eth9 proto static",
}
WARNED = {
    "the whole network": "172.2.0.0/16 via 192.168.7.9 dev eth9",
    "what no pod has yet": "172.2.77.0/24 via 192.168.7.9 dev eth9",
    "an interface's network around it": "172.0.0.0/8 dev eth9",
}
FINE = {
    "a default route": "default via 192.168.7.9 dev eth9",
    "a large network elsewhere": "172.0.0.0/8 via 192.168.7.9 dev eth9",
    "another network": "172.3.0.0/16 via 192.168.7.9 dev eth9",
    "a black hole for what is left": "blackhole 172.2.0.0/16",
    "another table": "172.2.1.0/24 via 192.168.7.9 dev eth9 table 7",
    "a daemon's on our own interface": "172.2.5.0/24 via 172.2.5.0 dev tunnel0 onlink proto bgp",
}


@pytest.mark.older_host
@pytest.mark.parametrize("route", REFUSED.values(), ids=REFUSED)
def test_a_foreign_route_in_the_way_is_refused(planned, route: str) -> None:
    done = planned(f"ip route add {route}")
    assert done["msg"] == f"route {route} is inside of {PODS}, which the pods have: {REMEDY}"


@pytest.mark.parametrize("route", WARNED.values(), ids=WARNED)
def test_a_foreign_route_that_may_be_in_the_way_is_a_warning(planned, route: str) -> None:
    (warning,) = warnings(planned(f"ip route add {route}"))
    assert f"route {route} " in warning and warning.endswith(f", which the pods have: {REMEDY}")


@pytest.mark.parametrize("route", FINE.values(), ids=FINE)
def test_no_overlap(planned, route: str) -> None:
    assert warnings(planned(f"ip route add {route}", first=True)) == []


def test_a_boot_does_its_best(planned, run_module) -> None:
    """A replay is not a plan: what it is in the way of is not refused then."""
    planned(f"ip route add {REFUSED['a part of it']}", first=True)
    done = planned(strict=False)
    assert "msg" not in done, done


# By case, a chain at the hook forward, and whether packets between br0 and tunnel0 pass it.
CHAINS = {
    "a policy": ("policy drop;", False),
    "one direction alone": ("policy drop; iifname br0 accept;", False),
    "both directions": ("policy drop; iifname br0 accept; oifname br0 accept;", True),
    "the network": ("policy drop; ip saddr 172.2.0.0/16 accept;", True),
    "a prefix within a byte": ("policy drop; ip daddr 172.0.0.0/14 accept;", True),
    "another network": ("policy drop; ip saddr 172.3.0.0/16 accept;", False),
    "all names that begin so": ('policy drop; iifname "br*" accept; oifname "br*" accept;', True),
    "the other family": ("policy drop; meta nfproto ipv6 accept;", False),
    "replies alone": ("policy drop; ct state established,related accept;", False),
    "new connections": ("policy drop; ct state new accept;", True),
    "what nobody can know": ("policy drop; meta mark 7 accept;", False),
    "an open chain": ("iifname eth9 drop; ct state invalid drop; tcp dport 22 drop; meta mark 7 drop;", True),
    "a rule for all": ("counter drop;", False),
    "a refusal": ("ip saddr 172.2.0.0/24 reject;", False),
    "an interface": ("iifname tunnel0 drop;", False),
    "all but an interface": ("oifname != eth9 drop;", False),
    "an exception before it": ("ip saddr 172.2.0.0/16 accept; drop;", True),
    "a jump to a drop": ("iifname br0 jump other;", False, "drop;"),
    "a jump that does not concern it": ("iifname eth9 jump other;", True, "drop;"),
    "a return": ("jump other; accept;", True, "iifname br0 return; iifname tunnel0 return; drop;"),
    "a goto": ("policy drop; goto other; accept;", False, "iifname eth9 accept;"),
}


@pytest.mark.parametrize("case", CHAINS)
def test_chains(planned, case: str) -> None:
    """At each plan, although nothing of the host itself differs."""
    rules, passes, *other = CHAINS[case]
    chains = f"chain other {{ {''.join(other)} }}\nchain c {{ type filter hook forward priority 0; {rules} }}"
    done = planned(f"nft -f - <<'END'\ntable inet theirs {{\n{chains}\n}}\nEND", first=True)
    told = ["the chain inet theirs c drops packets that the fabric forwards, such as those from"]
    assert done["changed"] is False
    assert [warning.partition(" br0")[0].partition(" tunnel0")[0] for warning in warnings(done)] == (
        [] if passes else told
    )
    if not passes:
        assert "nft insert rule inet theirs c iifname NAME accept" in warnings(done)[0]


@pytest.mark.parametrize("variant", ["nft", "legacy"])
def test_iptables(planned, ns, variant: str) -> None:
    program = f"iptables-{variant}"
    probe = ["ip", "netns", "exec", ns(), program, "-L"]
    if not shutil.which(program) or subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip(f"{program} does not work on this machine")
    (warning,) = warnings(planned(f"{program} -P FORWARD DROP", first=True))
    assert warning.startswith("the chain ip filter FORWARD drops packets that the fabric forwards, such as those from")
    assert "iptables -I FORWARD -i NAME -j ACCEPT, and -o NAME" in warning
    accepted = [f"{program} -A FORWARD {way} tunnel0 -m comment --comment 'of us' -j ACCEPT" for way in ("-i", "-o")]
    assert warnings(planned(*accepted)) == []
    (warning,) = warnings(
        planned(
            f"{program} -N THEIRS; {program} -I FORWARD ! -s 10.0.0.0/8 -j THEIRS",
            f"{program} -A THEIRS -d 172.2.1.0/24 -j REJECT",
        )
    )
    assert "from br0 to tunnel0" in warning
    assert warnings(planned(f"{program} -I THEIRS -i br0 -j RETURN")) == []
