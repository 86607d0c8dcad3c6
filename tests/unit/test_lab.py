# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab without a kernel: which nodes come and go, and its cabling as a topology."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.weft.fabric.plugins.filter._roles import FilterModule
from ansible_collections.weft.fabric.plugins.module_utils.host.lab import SWITCHES, plan

HOSTS: dict[str, list[dict[str, Any]]] = {
    "network-1": [
        {"name": "enp1s0", "switch": "lan1", "addresses": ["192.168.1.138/24"], "mac_address": "52:54:00:9E:19:22"}
    ],
    "router": [
        {"name": "enp1s0", "switch": "lan1", "addresses": ["192.168.1.213/24", "FD00:1::1/64"], "mtu": 9000},
        {"name": "enp2s0", "switch": "lan2"},
    ],
}
lab_document = FilterModule().filters()["_lab_document"]


def test_a_lab_is_bridges_and_cables() -> None:
    made = lab_document(HOSTS, ["lan1", "lan2"])
    assert list(made) == [""]
    lan1, lan2, first, second, third = made[""]["links"]
    assert lan1 == {"name": "lan1", "kind": "bridge", "stp": False, "forward_delay": 0}
    assert lan2["name"] == "lan2"
    name = first.pop("name")
    assert first == {
        "kind": "veth",
        "controller": "lan1",
        "peer": {
            "netns": "network-1",
            "name": "enp1s0",
            "addresses": ["192.168.1.138/24"],
            "mac_address": "52:54:00:9e:19:22",
        },
    }
    assert second["peer"]["addresses"] == ["192.168.1.213/24", "fd00:1::1/64"] and second["peer"]["mtu"] == 9000
    assert third["peer"] == {"netns": "router", "name": "enp2s0"} and third["controller"] == "lan2"
    names = {name, second["name"], third["name"]}
    assert len(names) == 3 and all(len(name) <= 15 for name in names)


def test_the_order_of_hosts_does_not_matter_and_another_host_moves_nobody() -> None:
    links = lab_document(HOSTS, ["lan1", "lan2"])[""]["links"]
    assert lab_document(dict(reversed(HOSTS.items())), ["lan2", "lan1"])[""]["links"] == links
    more = lab_document({**HOSTS, "a": [{"name": "enp1s0", "switch": "lan1"}]}, ["lan1", "lan2"])[""]["links"]
    assert [link for link in more if link in links] == links


def test_a_host_without_interfaces_has_no_cables() -> None:
    assert lab_document({"alone": []}, [])[""]["links"] == []


def _with(**changes: Any) -> dict[str, list[dict[str, Any]]]:
    """A second host on lan1, changed."""
    interface = {"name": "eth0", "switch": "lan1", **changes}
    return {**HOSTS, "second": [{key: value for key, value in interface.items() if value is not None}]}


@pytest.mark.parametrize(
    ("hosts", "switches", "words"),
    [
        (_with(switch="lan9"), ["lan1", "lan2"], ["second: lab_interfaces[0].switch", "'lan9'", "lan1, lan2"]),
        (_with(switch=None), ["lan1", "lan2"], ["second: lab_interfaces[0].switch", "None"]),
        (_with(name=None), ["lan1", "lan2"], ["second: lab_interfaces[0].name", "None", "1 to 15"]),
        (_with(name="a" * 16), ["lan1", "lan2"], ["second: lab_interfaces[0].name", "a" * 16, "at most 15"]),
        (_with(name="a/b"), ["lan1", "lan2"], ["second: lab_interfaces[0].name", "a/b"]),
        (_with(address="10.0.0.1/8"), ["lan1", "lan2"], ["lab_interfaces[0].address", "the keys are name, switch"]),
        (_with(addresses=["10.0.0.1"]), ["lan1", "lan2"], ["lab_interfaces[0].addresses[0]", "prefix length"]),
        (_with(mac_address="01:00:5e:00:00:01"), ["lan1", "lan2"], ["lab_interfaces[0].mac_address", "multicast"]),
        (_with(mtu=67), ["lan1", "lan2"], ["lab_interfaces[0].mtu", "67", "from 68"]),
        (
            _with(addresses=["192.168.1.138/16"]),
            ["lan1", "lan2"],
            ["second: lab_interfaces[0]", "192.168.1.138", "network-1: lab_interfaces[0] has this address too"],
        ),
        (
            _with(mac_address="52:54:00:9e:19:22"),
            ["lan1", "lan2"],
            ["second: lab_interfaces[0]", "network-1: lab_interfaces[0] has this MAC address too"],
        ),
        (
            {"a": [{"name": "eth0", "switch": "lan1"}] * 2},
            ["lan1"],
            ["a: lab_interfaces[1]", "eth0", "a: lab_interfaces[0] has this name on this host too"],
        ),
        ({"a b": []}, [], ["host", "'a b'"]),
        ({}, ["lan1", "lan1"], ["lab_switches[1]", "lan1", "another switch"]),
        ({}, ["a b"], ["lab_switches[0]", "'a b'"]),
    ],
)
def test_bad_input_is_refused(hosts: dict[str, Any], switches: list[str], words: list[str]) -> None:
    with pytest.raises(AnsibleFilterError) as refusal:
        lab_document(hosts, switches)
    for word in ["lab_document: ", " is refused: ", *words]:
        assert word in str(refusal.value)


names = st.sampled_from(["a", "b", "c", "d"])


@given(wanted=st.sets(names), found=st.dictionaries(names | st.just(SWITCHES), st.booleans()))
def test_after_the_plan_there_is_nothing_to_plan(wanted: set[str], found: dict[str, bool]) -> None:
    remove, create = plan(wanted, found)
    after = {name: complete for name, complete in found.items() if name not in remove}
    assert not set(after) & set(create)
    after.update(dict.fromkeys(create, True))
    assert plan(wanted, after) == ([], [])
    assert set(after) == wanted | {SWITCHES}


@given(wanted=st.sets(names), found=st.dictionaries(names, st.booleans()))
def test_without_switches_every_node_is_made_again_after_them(wanted: set[str], found: dict[str, bool]) -> None:
    remove, create = plan(wanted, found)
    assert (remove, create[0], set(create[1:])) == (sorted(found), SWITCHES, wanted)
