# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nft/ makes of rules and of listings. That nft and the kernel agree is for the integration tests."""

from __future__ import annotations

import copy
import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.nft.listing import describe, parse, plan, predict, transaction
from ansible_collections.weft.fabric.plugins.module_utils.nft.rules import Drop, Rule, isolated, masquerade_of, render
from ansible_collections.weft.fabric.plugins.module_utils.nft.table import explain

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789.-_", min_size=1, max_size=15).filter(
    lambda name: name not in (".", "..")
)


def networks(version: int, shortest: int = 0) -> st.SearchStrategy[str]:
    bits = {4: 32, 6: 128}[version]
    kind = {4: ipaddress.IPv4Network, 6: ipaddress.IPv6Network}[version]
    return st.builds(
        lambda address, prefix: str(kind((address >> (bits - prefix) << (bits - prefix), prefix))),
        st.integers(0, 2**bits - 1),
        st.integers(shortest, bits),
    )


def entries(version: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(
        {
            "source": networks(version),
            "out_interface": st.none() | NAMES,
            # At least two bits, or two halves make everything exempt.
            "exempt": st.lists(networks(version, 4), max_size=4),
        }
    )


RULES = st.lists(
    entries(4) | entries(6), min_size=1, max_size=4, unique_by=lambda rule: (rule["source"], rule["out_interface"])
)


def right(network: Any) -> Any:
    """An element as nft prints it: a host without its prefix length."""
    if network.prefixlen == network.max_prefixlen:
        return str(network.network_address)
    return {"prefix": {"addr": str(network.network_address), "len": network.prefixlen}}


def listing(rules: tuple[Rule, ...], name: str = "weft") -> dict[str, Any]:
    """A table as ``nft -j list table`` prints it."""
    where = {"family": "inet", "table": name}
    objects: list[dict[str, Any]] = [
        {"metainfo": {"version": "1.0.6", "release_name": "Lester Gooch #5", "json_schema_version": 1}},
        {"table": {"family": "inet", "name": name, "handle": 3}},
        {
            "chain": {
                **where, "name": "weft_postrouting", "handle": 1,
                "type": "nat", "hook": "postrouting", "prio": 100, "policy": "accept",
            }
        },
    ]  # fmt: skip
    for handle, rule in enumerate(rules, 2):
        protocol = {4: "ip", 6: "ip6"}[rule.source.version]
        matches = [("==", {"payload": {"protocol": protocol, "field": "saddr"}}, right(rule.source))]
        if rule.out_interface:
            matches.append(("==", {"meta": {"key": "oifname"}}, rule.out_interface))
        if rule.exempt:
            exempt = [right(destination) for destination in rule.exempt]
            matches.append(
                (
                    "!=",
                    {"payload": {"protocol": protocol, "field": "daddr"}},
                    exempt[0] if len(exempt) == 1 else {"set": exempt},
                )
            )
        expressions = [{"match": {"op": op, "left": left, "right": value}} for op, left, value in matches]
        objects.append(
            {
                "rule": {
                    **where,
                    "chain": "weft_postrouting",
                    "handle": handle,
                    "expr": [*expressions, {"masquerade": None}],
                }
            }
        )
    return {"nftables": objects}


@given(RULES)
def test_what_was_written_is_read_back(entries: list[dict[str, Any]]) -> None:
    rules = masquerade_of(entries)
    observed = parse("weft", listing(rules))
    assert not observed.foreign
    assert tuple(observed.rules.values()) == rules
    assert plan("weft", rules, observed) == ""


@given(RULES)
def test_what_is_returned_may_be_given_again(entries: list[dict[str, Any]]) -> None:
    rules = masquerade_of(entries)
    assert masquerade_of([rule.as_dict() for rule in rules]) == rules


@given(RULES, RULES)
def test_what_is_predicted(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    there, wanted = masquerade_of(first), masquerade_of(second)
    text = render("weft", there)
    result = predict("weft", wanted, parse("weft", listing(there)), text)
    assert result == {
        "changed": there != wanted,
        "table": "weft",
        "rules": [rule.as_dict() for rule in wanted],
        "diff": {"before": text, "after": render("weft", wanted)},
    }


@given(RULES, st.randoms())
def test_exempt_destinations_are_a_set(entries: list[dict[str, Any]], random: Any) -> None:
    shuffled = copy.deepcopy(entries)
    for entry in shuffled:
        entry["exempt"] += entry["exempt"][:1]
        random.shuffle(entry["exempt"])
    assert masquerade_of(shuffled) == masquerade_of(entries)


@given(RULES, RULES)
def test_any_difference_is_a_transaction(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> None:
    there, wanted = masquerade_of(first), masquerade_of(second)
    script = plan("weft", wanted, parse("weft", listing(there)))
    assert bool(script) == (there != wanted)
    if script:
        assert script == "add table inet weft\ndelete table inet weft\n" + render("weft", wanted)


def test_order_matters() -> None:
    rules = masquerade_of([{"source": "10.0.0.0/24"}, {"source": "10.0.1.0/24"}])
    assert plan("weft", rules, parse("weft", listing(rules[::-1])))


def test_no_table_is_wanted() -> None:
    rules = masquerade_of([{"source": "10.0.0.0/24"}])
    assert plan("weft", None, None) == ""
    assert plan("weft", None, parse("weft", listing(rules))) == "add table inet weft\ndelete table inet weft\n"
    assert plan("weft", rules, None) == transaction("weft", rules)


def test_adjoining_destinations_are_read_as_a_range() -> None:
    rules = masquerade_of([{"source": "10.0.0.0/24", "exempt": ["10.0.1.0/24", "10.0.2.0/24"]}])
    document = listing(rules)
    document["nftables"][3]["rule"]["expr"][1]["match"]["right"] = {"set": [{"range": ["10.0.1.0", "10.0.2.255"]}]}
    assert plan("weft", rules, parse("weft", document)) == ""


def test_render() -> None:
    rules = masquerade_of(
        [
            {"source": "10.0.0.0/24", "out_interface": "eth0", "exempt": ["10.2.0.0/16", "10.1.0.0/16"]},
            {"source": "fd00::/64"},
        ]
    )
    assert render("weft", rules).splitlines() == [
        "table inet weft {",
        "\tchain weft_postrouting {",
        "\t\ttype nat hook postrouting priority srcnat; policy accept;",
        '\t\tip saddr 10.0.0.0/24 oifname "eth0" ip daddr != { 10.1.0.0/16, 10.2.0.0/16 } masquerade',
        "\t\tip6 saddr fd00::/64 masquerade",
        "\t}",
        "}",
    ]


RULE = masquerade_of([{"source": "10.0.0.0/24", "out_interface": "eth0", "exempt": ["10.1.0.0/16"]}])
SADDR = {"payload": {"protocol": "ip", "field": "saddr"}}


def expressions(document: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = document["nftables"][3]["rule"]["expr"]
    return found


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d["nftables"][1]["table"].update(flags="dormant"),
        lambda d: d["nftables"][2]["chain"].update(prio=99),
        lambda d: d["nftables"][2]["chain"].update(policy="drop"),
        lambda d: d["nftables"][2]["chain"].update(name="other"),
        lambda d: d["nftables"].pop(2),
        lambda d: d["nftables"].append({"set": {"family": "inet", "name": "s", "table": "weft", "type": "ipv4_addr"}}),
        lambda d: d["nftables"].append({"chain": {"family": "inet", "table": "weft", "name": "c", "handle": 9}}),
        lambda d: d["nftables"][3]["rule"].update(comment="mine"),
        lambda d: d["nftables"][3]["rule"].update(chain="other"),
        lambda d: expressions(d).insert(0, {"counter": {"packets": 0, "bytes": 0}}),
        lambda d: expressions(d)[-1].update(masquerade={"flags": "random"}),
        lambda d: expressions(d).pop(),
        lambda d: expressions(d).pop(0),
        lambda d: expressions(d).append({"accept": None}),
        lambda d: expressions(d).insert(0, copy.deepcopy(expressions(d)[0])),
        lambda d: expressions(d)[0]["match"].update(op="!="),
        lambda d: expressions(d)[0]["match"].update(right="@s"),
        lambda d: expressions(d)[0]["match"].update(right={"set": ["10.0.0.1", "10.9.0.1"]}),
        lambda d: expressions(d)[0]["match"].update(right={"concat": []}),
        lambda d: expressions(d)[1]["match"].update(right={"set": ["eth0", "eth1"]}),
        lambda d: expressions(d)[1]["match"].update(right="eth*"),
        lambda d: expressions(d)[2]["match"].update(op="=="),
        lambda d: expressions(d)[2]["match"]["left"]["payload"].update(protocol="ip6"),
        lambda d: expressions(d)[2]["match"].update(left={"payload": {"protocol": "tcp", "field": "dport"}}),
    ],
)
def test_whatever_is_not_ours_is_drift(change: Any) -> None:
    document = listing(RULE)
    change(document)
    assert plan("weft", RULE, parse("weft", document)) == transaction("weft", RULE)


def test_the_diff_has_foreign_lines_as_nft_prints_them() -> None:
    text = (
        "table inet weft { # handle 2\n"
        "\tflags dormant\n"
        "\n"
        "\tchain weft_postrouting { # handle 1\n"
        "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
        '\t\tip saddr 10.0.0.0/24 oifname "eth0" ip daddr != 10.1.0.0/16 masquerade # handle 2\n'
        "\t\tcounter drop # handle 3\n"
        "\t}\n"
        "}\n"
    )
    assert describe(parse("weft", listing(RULE)), text) == (
        "table inet weft {\n"
        "\tflags dormant\n"
        "\n"
        "\tchain weft_postrouting {\n"
        "\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
        '\t\tip saddr 10.0.0.0/24 oifname "eth0" ip daddr != { 10.1.0.0/16 } masquerade\n'
        "\t\tcounter drop\n"
        "\t}\n"
        "}\n"
    )


@pytest.mark.parametrize(
    ("entries", "parameter"),
    [
        ([{"source": "10.0.0.1/24"}], "rules[0].source"),
        ([{"source": "10.0.0.0/24"}, {"source": "10.0.0.0/24", "out_interface": None}], "rules[1].source"),
        ([{"source": "10.0.0.0/24", "out_interface": "a/b"}], "rules[0].out_interface"),
        ([{"source": "10.0.0.0/24", "exempt": ["::/0"]}], "rules[0].exempt[0]"),
        ([{"source": "::/0", "exempt": ["::/0"]}], "rules[0].exempt[0]"),
    ],
)
def test_refused(entries: list[dict[str, Any]], parameter: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        masquerade_of(entries)
    assert refusal.value.parameter == parameter


@pytest.mark.parametrize(
    ("stderr", "words"),
    [
        (
            "netlink: Error: cache initialization failed: Invalid argument\n",
            "this kernel has no nf_tables: install the distribution's full kernel image",
        ),
        (
            "Unable to initialize Netlink socket: Protocol not supported\n",
            "this kernel has no nf_tables: install the distribution's full kernel image",
        ),
        (
            "/dev/stdin:6:3-12: Error: Could not process rule: No such file or directory\n\t\tmasquerade\n\t\t^^^^\n",
            "this kernel cannot masquerade, nft_chain_nat or nft_masq is missing: "
            "install the distribution's full kernel image",
        ),
        ("Error: File exists\nadd table\n", "nft failed on table weft: Error: File exists"),
    ],
)  # fmt: skip
def test_what_nft_complains_of_in_one_line(stderr: str, words: str) -> None:
    # Kernels that this machine does not have; what it has is in the integration tests.
    assert str(explain("weft", stderr)) == words


# -- isolation ---------------------------------------------------------------------------------------

GROUPS = [["10.244.0.0/16", "fd00::/48"], ["10.245.0.0/16"], ["10.246.0.0/16", "fd01::/48"]]


def drop_listing(rules: tuple[Drop, ...], **chain: Any) -> dict[str, Any]:
    """A table of isolation as ``nft -j list table`` prints it."""
    where = {"family": "inet", "table": "weft"}
    known = {"name": "weft_prerouting", "type": "filter", "hook": "prerouting", "prio": -300, "policy": "accept"}
    objects: list[dict[str, Any]] = [
        {"metainfo": {"json_schema_version": 1}},
        {"table": {"family": "inet", "name": "weft", "handle": 1}},
        {"chain": {**where, **known, **chain, "handle": 1}},
    ]
    for handle, rule in enumerate(rules, 2):
        protocol = "ip6" if rule.source.version == 6 else "ip"
        sides = (("saddr", right(rule.source)), ("daddr", {"set": [right(network) for network in rule.destinations]}))
        matches = [
            {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": side}}
            for field, side in sides
        ]
        objects.append(
            {"rule": {**where, "chain": "weft_prerouting", "handle": handle, "expr": [*matches, {"drop": None}]}}
        )
    return {"nftables": objects}


def test_each_group_is_kept_from_all_others() -> None:
    assert [str(rule) for rule in isolated(GROUPS)] == [
        "ip saddr 10.244.0.0/16 ip daddr { 10.245.0.0/16, 10.246.0.0/16 } drop",
        "ip6 saddr fd00::/48 ip6 daddr { fd01::/48 } drop",
        "ip saddr 10.245.0.0/16 ip daddr { 10.244.0.0/16, 10.246.0.0/16 } drop",
        "ip saddr 10.246.0.0/16 ip daddr { 10.244.0.0/15 } drop",
        "ip6 saddr fd01::/48 ip6 daddr { fd00::/48 } drop",
    ]
    assert isolated(GROUPS[:1]) == ()


def test_isolation_is_read_back_as_it_was_written() -> None:
    rules = isolated(GROUPS)
    observed = parse("weft", drop_listing(rules))
    assert (tuple(observed.rules.values()), observed.foreign) == (rules, False)
    assert plan("weft", rules, observed) == ""
    assert plan("weft", isolated(GROUPS[:2]), observed)
    assert plan("weft", rules, parse("weft", drop_listing(rules, prio=0))), "a changed priority is repaired"


@pytest.mark.parametrize(
    ("groups", "named"),
    [(["10.0.0.0/8"], "isolation[0]: '10.0.0.0/8'"), ([["10.0.0.1/8"]], "isolation[0][0]: '10.0.0.1/8'")],
)
def test_refused_isolation(groups: list[Any], named: str) -> None:
    with pytest.raises(InvalidParameter) as refusal:
        isolated(groups)
    assert named in str(refusal.value)
