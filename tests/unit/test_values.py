# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values: what means the same compares equal. What is refused is in tests/integration/test_bad_input.py."""

from __future__ import annotations

import ipaddress
from typing import Any, Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.module_utils import values
from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter

SAME: list[tuple[Callable[..., Any], list[Any]]] = [
    (values.mac, ["02:00:5e:00:00:0a", "02:00:5E:00:00:0A"]),
    (values.address, ["fd00::1", "FD00:0:0::0001", "fd00:0:0:0:0:0:0:1"]),
    (values.interface_address, ["fd00::1/64", "fd00:0::1/64"]),
    (values.network, ["fd00::/16", "fd00:0::/16"]),
    (values.boolean, [True, "yes", "True", "on", 1, "1"]),
    (values.boolean, [False, "no", "FALSE", "off", 0]),
]


@pytest.mark.parametrize(("parse", "spellings"), SAME)
def test_spellings_of_one_value(parse: Callable[..., Any], spellings: list[Any]) -> None:
    assert {parse("x", spelling) for spelling in spellings} == {spellings[0]}


@given(st.ip_addresses())
def test_addresses_are_in_the_form_of_the_kernel(address: Any) -> None:
    for spelling in (str(address), address.exploded):
        assert values.address("x", spelling) == values.address("x", str(address))
    assert ipaddress.ip_address(values.address("x", str(address))) == address


@given(st.ip_addresses(), st.data())
def test_networks_are_what_ipaddress_says(address: Any, data: Any) -> None:
    prefix = data.draw(st.integers(0, address.max_prefixlen))
    text = f"{address}/{prefix}"
    network = ipaddress.ip_network(text, strict=False)
    if network.network_address == address:
        assert ipaddress.ip_network(values.network("x", text)) == network
    else:
        with pytest.raises(InvalidParameter) as caught:
            values.network("x", text)
        meant = caught.value.remedy.rpartition(" ")[2].rstrip("?")
        assert ipaddress.ip_network(meant) == network


@given(st.ip_addresses())
@example(ipaddress.ip_address("ff0::"))
def test_multicast_is_what_ipaddress_says(address: Any) -> None:
    assert values.is_multicast(str(address)) == address.is_multicast


@given(st.integers(-(2**70), 2**70), st.integers(0, 2**32), st.integers(0, 2**32))
def test_numbers(number: int, low: int, size: int) -> None:
    for given_as in (number, str(number)):
        if low <= number <= low + size:
            assert values.integer("x", given_as, low, low + size) == number
        else:
            with pytest.raises(InvalidParameter, match=f"from {low} to {low + size}"):
                values.integer("x", given_as, low, low + size)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.text()), st.binary()))
def test_whatever_is_given_is_taken_or_refused(value: Any) -> None:
    """Never another exception: it would be a traceback."""
    for parse in (
        values.ifname, values.netns, values.mac, values.address, values.unicast, values.network,
        values.interface_address, values.boolean, values.text,
    ):  # fmt: skip
        try:
            parse("x", value)
        except InvalidParameter as refused:
            assert str(refused).startswith("x: ")
            assert "\n" not in str(refused)


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, blacklist_characters="/:%"), max_size=20))
def test_interface_names_of_printable_ascii(name: str) -> None:
    if 1 <= len(name) <= 15 and name not in (".", ".."):
        assert values.ifname("x", name) == name
    else:
        with pytest.raises(InvalidParameter):
            values.ifname("x", name)


almost_macs = st.text(alphabet="019af:AF\n\u0660", max_size=18)
macs = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
hosts = st.one_of(st.ip_addresses(v=4).map(str), st.text(alphabet="012.", max_size=8))


@given(st.lists(st.one_of(macs, macs, almost_macs, st.just(values.ZERO_MAC)), min_size=1, max_size=5))
@example(["02:00:00:00:00:0", "02:00:00:00:00:001"])
@example(["02:00:00:00:00:0102:00:00:00:00:02"])
@example(["02:00:00:00:00:01\n02:00:00:00:00:02"])
@example(["00:00:00:00:00:01", "02:00:00:00:00:00"])
def test_many_macs_are_plain_if_each_is(listed: list[str]) -> None:
    assert values.are_plain_macs(listed) == all(_stays(values.mac, mac) for mac in listed)


@given(st.lists(hosts, min_size=1, max_size=5))
def test_many_addresses_are_plain_if_each_is(listed: list[str]) -> None:
    # Of 0.0.0.0/8 and 240.0.0.0/4 some are addresses of a host; those are looked at one by one.
    plain = all(_stays(values.unicast, host) and 0 < int(host.partition(".")[0]) < 224 for host in listed)
    assert values.are_plain_hosts(listed) == plain


def _stays(parse: Callable[..., str], value: str) -> bool:
    try:
        return parse("x", value) == value
    except InvalidParameter:
        return False
