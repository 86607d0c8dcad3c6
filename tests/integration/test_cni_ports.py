# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ports of the bridges of CNI networks: isolated ones, and their VLANs."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.cni import ONE, config, host_local

pytestmark = pytest.mark.usefixtures("disk")

NETWORK = config("bridge", host_local(ONE), bridge="cni0", isGateway=True)
Attach = Callable[..., Any]


@pytest.fixture
def attach(run_module) -> Attach:
    """Attach containers to networks: would do, does, and has nothing to do then."""

    def call(host: str, networks: dict[str, Any]) -> Any:
        items = [{"netns": pod, "network": network} for pod, network in networks.items()]
        with kernel.inside(host):
            would = run_module("cni", attachments=items, check=True)
            done = run_module("cni", attachments=items)
            assert (done.get("msg"), would["diff"]) == (None, done["diff"])
            with kernel.unchanged(host, *networks):
                assert not run_module("cni", attachments=items)["changed"]
        return done

    return call


def reaches(pod: str, address: str) -> bool:
    command = ["ip", "netns", "exec", pod, "ping", "-c1", "-W1", address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def port(host: str, pod: str) -> str:
    """The host's end of a container's interface."""
    (link,) = kernel.ip_json(pod, "link", "show", "eth0")
    return next(
        str(other["ifname"]) for other in kernel.ip_json(host, "link") if other["ifindex"] == link["link_index"]
    )


def test_isolated_ports_reach_the_gateway_alone(attach: Attach, ns) -> None:
    host, one, two, free = ns(), ns(), ns(), ns()
    apart = {**NETWORK, "portIsolation": True}
    attach(host, {one: apart, two: apart, free: NETWORK})
    # In the order of the list.
    assert not reaches(one, "10.9.0.3") and not reaches(two, "10.9.0.2")
    assert reaches(one, "10.9.0.1") and reaches(one, "10.9.0.4") and reaches(free, "10.9.0.3")
    attach(host, {one: NETWORK})
    assert reaches(one, "10.9.0.3"), "two ports are apart if both are isolated"


TRUNKS: dict[str, tuple[dict[str, Any], dict[str, set[str]]]] = {
    "native": ({"vlanTrunk": [{"id": 7}]}, {"1": {"PVID", "Egress Untagged"}, "7": set()}),
    "both": (
        {"vlan": 5, "vlanTrunk": [{"minID": 10, "maxID": 20}, {"id": 7}]},
        {"1": {"Egress Untagged"}, "5": {"PVID", "Egress Untagged"}, "7": set(), "10-20": set()},
    ),
    "without the default": (
        {"vlan": 5, "vlanTrunk": [{"id": 8}], "preserveDefaultVlan": False},
        {"5": {"PVID", "Egress Untagged"}, "8": set()},
    ),
    "no trunk any more": ({"vlan": 6, "preserveDefaultVlan": False}, {"6": {"PVID", "Egress Untagged"}}),
    "no VLAN any more": ({}, {"1": {"PVID", "Egress Untagged"}}),
}


def vlans(host: str, pod: str) -> dict[str, set[str]]:
    (row,) = kernel.bridge_json(host, "-compressvlans", "vlan", "show", "dev", port(host, pod))
    ends = [(one["vlan"], one.get("vlanEnd"), one.get("flags", ())) for one in row["vlans"]]
    return {f"{first}-{last}" if last else str(first): {*flags} for first, last, flags in ends}


@pytest.mark.needs_kind("vlan")  # a kernel without VLANs filters none either
def test_the_vlans_of_a_port_are_those_of_the_network(attach: Attach, ns) -> None:
    """Whatever it had before: one of these networks after the other."""
    host, pod = ns(), ns()
    for options, expected in TRUNKS.values():
        attach(host, {pod: {**NETWORK, **options}})
        assert vlans(host, pod) == expected
        assert kernel.ip_json(host, "link", "show", "cni0")[0]["linkinfo"]["info_data"]["vlan_filtering"] == 1


@pytest.mark.needs_kind("vlan")
@pytest.mark.parametrize("default", [3, 0])
def test_the_vlan_of_the_bridges_new_ports(default: int, attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    new = f"link add cni0 type bridge vlan_filtering 1 vlan_default_pvid {default}"
    kernel.ip_batch(host, new, "link set cni0 up")
    own = {str(default): {"Egress Untagged"}} if default else {}
    attach(host, {pod: {**NETWORK, "vlan": 5}})
    assert vlans(host, pod) == {**own, "5": {"PVID", "Egress Untagged"}}
    attach(host, {pod: {**NETWORK, "vlan": 5, "preserveDefaultVlan": False}})
    assert vlans(host, pod) == {"5": {"PVID", "Egress Untagged"}}
    attach(host, {pod: NETWORK})
    (row,) = kernel.bridge_json(host, "vlan", "show", "dev", port(host, pod)) or [{"vlans": []}]
    assert [one["vlan"] for one in row["vlans"]] == ([default] if default else [])


@pytest.mark.needs_kind("vlan")
def test_frames_of_a_trunk(attach: Attach, ns) -> None:
    host, one, two = ns(), ns(), ns()
    network = {**NETWORK, "vlanTrunk": [{"minID": 7, "maxID": 8}]}
    attach(host, {one: network, two: network})
    for number, pod in enumerate((one, two), 1):
        for vlan in (7, 10):
            kernel.ip_batch(
                pod,
                f"link add link eth0 name eth0.{vlan} type vlan id {vlan}",
                f"link set eth0.{vlan} up",
                f"address add 10.{vlan}.0.{number}/24 dev eth0.{vlan}",
            )
    found = {address: reaches(one, address) for address in ("10.9.0.1", "10.9.0.3", "10.7.0.2", "10.10.0.2")}
    assert found == {"10.9.0.1": True, "10.9.0.3": True, "10.7.0.2": True, "10.10.0.2": False}
