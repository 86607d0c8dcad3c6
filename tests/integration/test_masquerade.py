# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""masquerade on the real kernel: the table as nft lists it, and what packets look like on the other side."""

from __future__ import annotations

import json
import pathlib
import socket
import string
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside, ip, run, unchanged

RULES = [
    {"source": "10.0.1.0/24", "out_interface": "out0", "exempt": ["10.0.8.0/24", "10.0.9.0/24", "10.7.0.0/16"]},
    {"source": "fd00:1::/64", "out_interface": "out0", "exempt": ["fd00:9::/64"]},
    {"source": "10.0.2.7/32"},
    {"source": "0.0.0.0/0", "out_interface": "out1"},
]
CHAIN = "type nat hook postrouting priority srcnat; policy accept;"
LINES = [
    'ip saddr 10.0.1.0/24 oifname "out0" ip daddr != { 10.0.8.0/23, 10.7.0.0/16 } masquerade',
    'ip6 saddr fd00:1::/64 oifname "out0" ip6 daddr != fd00:9::/64 masquerade',
    "ip saddr 10.0.2.7 masquerade",
    'ip saddr 0.0.0.0/0 oifname "out1" masquerade',
]
RETURNED = ("changed", "diff", "rules", "table")
FOREIGN = (
    "table ip theirs {\nchain c {\ntype nat hook postrouting priority srcnat;\nip saddr 10.5.0.0/16 masquerade\n}\n}"
)


def nft(namespace: str, *arguments: str) -> str:
    return run("ip", "netns", "exec", namespace, "nft", *arguments)


def ruleset(namespace: str) -> list[str]:
    """What nft lists in a namespace, line by line."""
    return [line.strip() for line in nft(namespace, "-s", "list", "ruleset").splitlines() if line.strip()]


def table(*lines: str, name: str = "weft") -> list[str]:
    return [f"table inet {name} {{", "chain weft_postrouting {", CHAIN, *lines, "}", "}"]


@pytest.fixture
def masquerade(run_module):
    def call(namespace: str, **more: Any) -> Any:
        """Run the module, first in check mode, which writes nothing and says the same."""
        before = ruleset(namespace)
        with Monitor(namespace) as monitor:
            would = run_module("masquerade", check=True, netns=namespace, **more)
        assert monitor.changes == []  # neighbours that packets taught the kernel are none
        assert ruleset(namespace) == before
        result = run_module("masquerade", netns=namespace, **more)
        assert [would[key] for key in RETURNED] == [result[key] for key in RETURNED]
        return result

    return call


def assert_settled(masquerade, namespace: str, **more: Any) -> None:
    """The next run sends nothing."""
    with unchanged(namespace):
        result = masquerade(namespace, **more)
    assert result["changed"] is False
    assert result["diff"]["before"] == result["diff"]["after"]


@pytest.mark.older_host
def test_create_again_change_remove(masquerade, ns) -> None:
    name = ns()
    nft(name, FOREIGN)
    foreign = ruleset(name)

    result = masquerade(name, rules=RULES)
    assert result["changed"] is True
    assert ruleset(name) == foreign + table(*LINES)
    assert result["table"] == "weft"
    assert result["rules"][0] == {
        "source": "10.0.1.0/24", "out_interface": "out0", "exempt": ["10.0.8.0/23", "10.7.0.0/16"],
    }  # fmt: skip
    assert result["rules"][2] == {"source": "10.0.2.7/32", "out_interface": None, "exempt": []}
    assert result["diff"]["before"] == ""
    assert result["diff"]["after"].count("masquerade\n") == len(RULES)
    assert_settled(masquerade, name, rules=RULES)
    # Exempt destinations are a set.
    assert_settled(masquerade, name, rules=[{**RULES[0], "exempt": RULES[0]["exempt"][::-1]}, *RULES[1:]])

    changed = [RULES[1], RULES[0], {"source": "10.0.2.0/24"}]
    result = masquerade(name, rules=changed)
    assert result["changed"] is True
    assert ruleset(name) == foreign + table(LINES[1], LINES[0], "ip saddr 10.0.2.0/24 masquerade")
    assert_settled(masquerade, name, rules=changed)

    result = masquerade(name, state="absent")
    assert result["changed"] is True
    assert (result["rules"], result["diff"]["after"]) == ([], "")
    assert result["diff"]["before"].count("masquerade\n") == 3
    assert ruleset(name) == foreign
    assert_settled(masquerade, name, state="absent")


def test_replacement_is_one_transaction(masquerade, ns) -> None:
    name = ns()
    masquerade(name, rules=RULES[:2])
    with Monitor(name) as monitor:
        assert masquerade(name, rules=RULES)["changed"] is True
    kinds = [event.kind for event in monitor.events]
    assert kinds.count("nft NEWGEN") == 1
    assert {"nft DELTABLE", "nft NEWTABLE"} <= set(kinds)


def test_two_tables_on_one_host(masquerade, ns) -> None:
    name = ns()
    masquerade(name, rules=RULES[:1])
    masquerade(name, rules=RULES[1:2], table="weft_pods")
    assert ruleset(name) == table(LINES[0]) + table(LINES[1], name="weft_pods")
    assert_settled(masquerade, name, rules=RULES[:1])
    masquerade(name, table="weft_pods", state="absent")
    assert ruleset(name) == table(LINES[0])


def handle(namespace: str, line: str) -> str:
    listing = nft(namespace, "-a", "list", "table", "inet", "weft").splitlines()
    return next(row.rpartition("handle ")[2] for row in listing if row.strip().startswith(line + " #"))


# The same as LINES, in the form of the diff.
SHOWN = [
    LINES[0],
    'ip6 saddr fd00:1::/64 oifname "out0" ip6 daddr != { fd00:9::/64 } masquerade',
    "ip saddr 10.0.2.7/32 masquerade",
    LINES[3],
]
TABLE = "inet weft"
EXEMPT = 'ip saddr 10.0.1.0/24 oifname "out0" ip daddr != { 10.0.8.0/23, 10.6.0.0/15 } masquerade'
# What is done by hand, where $rule0 is the handle of the first rule; lines that only the diff's "before" has; and those
# that only its "after" has.
DRIFT: dict[str, tuple[str, list[str], list[str]]] = {
    **{
        f"rule {n} removed": (f"delete rule {TABLE} weft_postrouting handle $rule{n}", [], [line])
        for n, line in enumerate(SHOWN)
    },
    **{
        f"rule {n} altered": (
            f"replace rule {TABLE} weft_postrouting handle $rule{n} ip saddr 10.66.0.0/16 masquerade",
            ["ip saddr 10.66.0.0/16 masquerade"],
            [line],
        )
        for n, line in enumerate(SHOWN)
    },
    "flags of a rule": (
        f"replace rule {TABLE} weft_postrouting handle $rule2 ip saddr 10.0.2.7 masquerade random",
        ["ip saddr 10.0.2.7 masquerade random"],
        [SHOWN[2]],
    ),
    "exempt set altered": (
        # Not with "replace", on which nft 1.0.6 stumbles.
        f"add rule {TABLE} weft_postrouting handle $rule0 {EXEMPT}\ndelete rule {TABLE} weft_postrouting handle $rule0",
        [EXEMPT],
        [SHOWN[0]],
    ),
    "rule added": (f"add rule {TABLE} weft_postrouting tcp dport 25 counter drop", ["tcp dport 25 counter drop"], []),
    "rule put in front": (f"insert rule {TABLE} weft_postrouting accept", ["accept"], []),
    "our rule twice": (f"add rule {TABLE} weft_postrouting ip saddr 10.0.2.7 masquerade", [SHOWN[2]], []),
    "set added": (
        f"add set {TABLE} theirs {{ type ipv4_addr; }}",
        ["set theirs {", "type ipv4_addr", "}"],
        [],
    ),
    "chain added": (f"add chain {TABLE} theirs", ["chain theirs {", "}"], []),
    "policy": (f"chain {TABLE} weft_postrouting {{ policy drop; }}", [CHAIN.replace("accept", "drop")], [CHAIN]),
    "priority": (
        f"delete table {TABLE}\nadd table {TABLE}\n"
        f"add chain {TABLE} weft_postrouting {{ type nat hook postrouting priority srcnat + 5; }}",
        [CHAIN.replace("srcnat", "srcnat + 5")],
        [CHAIN, *SHOWN],
    ),
    "dormant": (f"add table {TABLE} {{ flags dormant; }}", ["flags dormant"], []),
    "flushed": (f"flush table {TABLE}", [], SHOWN),
    "chain removed": (
        f"flush table {TABLE}\ndelete chain {TABLE} weft_postrouting",
        [],
        ["chain weft_postrouting {", CHAIN, *SHOWN, "}"],
    ),
    "table removed": (f"delete table {TABLE}", [], table(*SHOWN)),
    "everything flushed": ("flush ruleset", [], table(*SHOWN)),
}


@pytest.mark.parametrize("case", list(DRIFT))
def test_drift_is_repaired_and_named(masquerade, ns, case) -> None:
    name = ns()
    masquerade(name, rules=RULES)
    healthy = ruleset(name)
    script, only_before, only_after = DRIFT[case]
    handles = {f"rule{number}": handle(name, line) for number, line in enumerate(LINES)}
    nft(name, string.Template(script).substitute(handles))
    assert ruleset(name) != healthy

    result = masquerade(name, rules=RULES)
    assert result["changed"] is True
    assert ruleset(name) == healthy
    before, after = (
        Counter(line.strip() for line in result["diff"][side].splitlines() if line) for side in ("before", "after")
    )
    assert (before - after, after - before) == (Counter(only_before), Counter(only_after))
    assert_settled(masquerade, name, rules=RULES)


THEIRS = {
    "their nat": "chain postrouting { type nat hook postrouting priority srcnat; ip saddr 10.0.0.0/8 masquerade; }",
    "a chain": "chain c { }",
    "a set": "set s { type ipv4_addr; }",
    "an object": "counter c { packets 0 bytes 0 }",
}


@pytest.mark.parametrize("content", THEIRS)
def test_a_table_of_somebody_else_is_refused(run_module, ns, content: str) -> None:
    name = ns()
    nft(name, f"table inet fw4 {{\n{THEIRS[content]}\n}}")
    before = ruleset(name)
    for arguments in ({"rules": RULES}, {"rules": RULES, "check": True}, {"state": "absent"}):
        with Monitor(name) as monitor:
            result = run_module("masquerade", netns=name, table="fw4", **arguments)
        assert "table: 'fw4' is refused: a table of this name belongs to somebody else" in result["msg"]
        assert (monitor.changes, ruleset(name)) == ([], before)


def test_a_table_without_content_is_taken(masquerade, ns) -> None:
    name = ns()
    nft(name, "add table inet weft")
    assert masquerade(name, rules=RULES)["changed"] is True
    assert ruleset(name) == table(*LINES)


def test_check_mode_before_the_namespace_is_made(run_module, ns) -> None:
    result = run_module("masquerade", check=True, netns="soon", rules=RULES)
    assert "namespace soon does not exist yet" in json.dumps(result["warnings"])
    real = run_module("masquerade", netns=ns(), rules=RULES)
    assert [result[key] for key in RETURNED] == [real[key] for key in RETURNED]


def test_missing_arguments(run_module) -> None:
    result = run_module("masquerade")
    assert result["msg"] == "state is present but all of the following are missing: rules"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rules": []}, "rules: [] is refused: give at least one rule, or remove the table with state: absent"),
        ({"rules": [{"source": "pods"}]}, "rules[0].source: 'pods' is refused: give it with its prefix length"),
        ({"rules": [{"source": "192.168.1.0/33"}]}, "the prefix length is a number from 0 to 32"),
        ({"rules": [{"source": "192.168.1.5/24"}]}, "did you mean 192.168.1.0/24?"),
        ({"rules": [{"source": "fd00::1/64"}]}, "did you mean fd00::/64?"),
        ({"rules": [RULES[0], {"source": "10.0.0.0"}]}, "rules[1].source: '10.0.0.0' is refused"),
        (
            {"rules": [{"source": "10.0.0.0/8", "exempt": ["10.1.0.0/16", "fd00::/8"]}]},
            "rules[0].exempt[1]: 'fd00::/8' is refused: rules[0].source is IPv4 and this IPv6; "
            "write one rule for each family",
        ),
        ({"rules": [{"source": "fd00::/8", "exempt": ["10.1.0.0/16"]}]}, "rules[0].source is IPv6 and this IPv4"),
        ({"rules": [{"source": "10.0.0.0/8", "exempt": ["10.1.2.3/16"]}]}, "did you mean 10.1.0.0/16?"),
        ({"rules": [{"source": "10.0.0.0/8", "exempt": ["0.0.0.0/0"]}]}, "everything would be exempt"),
        *(
            (
                {"rules": [{"source": "10.0.0.0/8", "out_interface": name}]},
                f"rules[0].out_interface: {name!r} is refused",
            )
            for name in ("", ".", "..", "a/b", "a b", "a\tb", "abcdefghijklmnop", "e*h", 'a"b', "a\\b", "eth**")
        ),
        (
            {"rules": [{"source": "10.0.0.0/8", "out_interface": "eth+"}]},
            "rules[0].out_interface: 'eth+' is refused: that is a pattern of iptables; nftables writes 'eth*'",
        ),
        ({"rules": [{"source": "10.0.0.0/8", "out_interface": "*"}]}, "leave out_interface out"),
        ({"rules": [RULES[0], RULES[0]]}, "rules[1].source: '10.0.1.0/24' is refused: rules[0] has the same source"),
        ({"rules": [RULES[0], {**RULES[0], "exempt": []}]}, "rules[0] has the same source and out_interface"),
        ({"rules": RULES, "table": ""}, "table: '' is refused: a table's name is a letter"),
        ({"rules": RULES, "table": "a-b"}, "table: 'a-b' is refused: a table's name is a letter"),
        ({"rules": RULES, "table": "x; flush ruleset"}, "is refused: a table's name is a letter"),
        ({"rules": RULES, "table": "ip"}, "table: 'ip' is refused: it is a word of nft's own language"),
        ({"rules": RULES, "netns": "nowhere"}, "namespace nowhere does not exist: create it with weft.fabric.netns"),
        ({"state": "absent", "netns": "nowhere"}, "namespace nowhere does not exist"),
        ({"rules": RULES, "netns": "../x"}, "netns: '../x' is refused"),
        ({"rules": RULES, "state": "here"}, "value of state must be one of: present, absent, got: here"),
    ],
)
def test_bad_input_changes_nothing(run_module, ns, arguments, message) -> None:
    name = ns()
    nft(name, FOREIGN)
    with Monitor("", name) as monitor:
        result = run_module("masquerade", **{"netns": name, **arguments})
    assert result.rc == 1
    assert message in result["msg"]
    assert monitor.changes == []


def run_with(*prefix: str, **environment: str) -> str:
    """The module's message when it is started in another way."""
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "ansible_collections.weft.fabric.plugins.modules.masquerade"],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"rules": RULES}}),
        env=environment or None, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return json.loads(done.stdout)["msg"]


def test_not_root() -> None:
    message = run_with("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin")
    assert message == "nft may not read or change this network namespace: run with become: true"


def test_nft_missing(tmp_path) -> None:
    # An empty directory over each place where nft may be found, in a mount namespace of its own.
    hide = 'for d in /usr/sbin /usr/local/sbin; do mount --bind "$0" "$d"; done; exec "$@"'
    message = run_with("unshare", "--mount", "sh", "-c", hide, str(tmp_path))
    assert message == "nft is missing: install the package nftables on this host"


@pytest.fixture
def routed(ns) -> tuple[str, str, str]:
    """client (10.0.1.2, fd00:1::2) - router - server (10.0.3.2 and 10.0.9.2, fd00:3::2 and fd00:9::2)."""
    client, router, server = ns(), ns(), ns()
    for number, end, device in ((1, client, "in0"), (3, server, "out0")):
        ip(router, "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", end)
        for namespace, name, host in ((router, device, 1), (end, "eth0", 2)):
            # The link-local address by hand, for the kernel makes it some time after the link is up, and a router
            # without one does not ask for neighbours.
            ip(namespace, "link", "set", name, "addrgenmode", "none", "up")
            for address in (f"10.0.{number}.{host}/24", f"fd00:{number}::{host}/64", f"fe80::{host}/64"):
                ip(namespace, "address", "add", address, "dev", name, *(["nodad"] if ":" in address else []))
    for address in ("10.0.9.2/24", "fd00:9::2/64"):
        ip(server, "address", "add", address, "dev", "lo")
    for namespace, number in ((client, 1), (server, 3)):
        ip(namespace, "route", "add", "default", "via", f"10.0.{number}.1")
        ip(namespace, "-6", "route", "add", "default", "via", f"fd00:{number}::1")
    ip(router, "route", "add", "10.0.9.0/24", "via", "10.0.3.2")
    ip(router, "-6", "route", "add", "fd00:9::/64", "via", "fd00:3::2")
    with inside(router):
        for switch in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            pathlib.Path("/proc/sys/net", switch).write_text("1", encoding="ascii")
    return client, router, server


def seen_from(client: str, server: str, address: str) -> str:
    """The source address that the server sees of a TCP connection from the client."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with inside(server):
        listener = socket.create_server((address, 0), family=family)
    with listener, inside(client):
        connection = socket.create_connection(listener.getsockname()[:2], timeout=10)
        with connection, listener.accept()[0] as accepted:
            return accepted.getpeername()[0]


@pytest.mark.parametrize(
    ("rules", "addresses"),
    [
        (RULES[:1], {"10.0.3.2": "10.0.3.1", "10.0.9.2": "10.0.1.2", "fd00:3::2": "fd00:1::2"}),
        (RULES[1:2], {"fd00:3::2": "fd00:3::1", "fd00:9::2": "fd00:1::2", "10.0.3.2": "10.0.1.2"}),
        ([{**RULES[0], "out_interface": "out1"}], {"10.0.3.2": "10.0.1.2"}),
        ([{**RULES[0], "out_interface": "out*"}], {"10.0.3.2": "10.0.3.1", "10.0.9.2": "10.0.1.2"}),
        ([{**RULES[0], "out_interface": "ou*"}, {**RULES[1], "out_interface": "x*"}], {"fd00:3::2": "fd00:1::2"}),
        ([{"source": "::/0"}, {"source": "0.0.0.0/0"}], {"10.0.9.2": "10.0.3.1", "fd00:9::2": "fd00:3::1"}),
    ],
)
def test_packets(masquerade, routed, rules, addresses) -> None:
    client, router, server = routed
    assert {address: seen_from(client, server, address) for address in addresses} == {
        address: "fd00:1::2" if ":" in address else "10.0.1.2" for address in addresses
    }
    masquerade(router, rules=rules)
    assert_settled(masquerade, router, rules=rules)
    assert {address: seen_from(client, server, address) for address in addresses} == addresses
    masquerade(router, state="absent")
    assert seen_from(client, server, "10.0.3.2") == "10.0.1.2"
