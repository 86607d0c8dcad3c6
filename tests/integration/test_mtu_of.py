# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What only the host knows of a document: the MTU of another link, and the addresses that an interface has."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel


def namespaces(pod: str) -> dict[str, Any]:
    """A bridge and a pod with the MTU that a VXLAN has, which has what its interface leaves it."""
    size = {"mtu": "auto", "mtu_of": "vx"}
    peer = {"name": "eth0", "netns": pod, **size}
    return {
        "": {
            "links": [
                # Listed before the link that has their MTU.
                {"name": "br", "kind": "bridge", **size},
                {"name": "out", "kind": "veth", "controller": "br", **size, "peer": peer},
                {"name": "vx", "kind": "vxlan", "vni": 7, "dev": "e0", "mtu": "auto"},
            ]
        },
        pod: {"links": [{"name": "eth0", "kind": "veth"}]},
    }


def mtus(place: str, pod: str) -> dict[str, int]:
    links = [*kernel.ip_json(place, "link"), *kernel.ip_json(pod, "link")]
    return {link["ifname"]: link["mtu"] for link in links if link["ifname"] in ("br", "out", "vx", "eth0")}


@pytest.mark.older_host
def test_links_have_the_mtu_of_another_and_follow_it(run_module: Any, ns: Any) -> None:
    place, pod = ns(), ns()
    kernel.ip(place, "link", "add", "e0", "mtu", "1500", "type", "veth", "peer", "name", "far")
    with kernel.inside(place):
        check = run_module("topology", namespaces=namespaces(pod), check=True)
        made = run_module("topology", namespaces=namespaces(pod))
    assert made["diff"] == check["diff"]
    assert mtus(place, pod) == dict.fromkeys(("br", "out", "vx", "eth0"), 1450)
    kernel.ip(place, "link", "set", "e0", "mtu", "1400")
    with kernel.inside(place):
        run_module("topology", namespaces=namespaces(pod))
        assert mtus(place, pod) == dict.fromkeys(("br", "out", "vx", "eth0"), 1350)
        with kernel.Monitor(place, pod) as monitor:
            assert not run_module("topology", namespaces=namespaces(pod))["changed"]
        assert monitor.changes == []


@pytest.mark.parametrize(
    ("link", "named"),
    [
        ({"name": "b", "kind": "bridge", "mtu": 1400, "mtu_of": "e0"}, "mtu_of: 'e0' is refused: give mtu: auto"),
        ({"name": "b", "kind": "bridge", "mtu": "auto", "mtu_of": "no"}, "link no does not exist: create it first"),
        ({"name": "b", "kind": "bridge", "mtu": "auto"}, "mtu: 'auto' is refused"),
    ],
)  # fmt: skip
def test_what_cannot_be_known_is_refused(link: dict[str, Any], named: str, run_module: Any, ns: Any) -> None:
    with kernel.inside(ns()):
        done = run_module("topology", namespaces={"": {"links": [link]}})
    assert named in done["msg"]


def test_an_address_that_an_interface_must_have(run_module: Any, ns: Any) -> None:
    place = ns()
    kernel.ip(place, "link", "add", "e0", "type", "veth", "peer", "name", "far")
    wanted = {"": {"links": [{"name": "e0", "expects": ["192.0.2.1"]}, {"name": "b", "kind": "bridge"}]}}
    with kernel.inside(place), kernel.Monitor(place) as monitor:
        done = run_module("topology", namespaces=wanted)
    assert done["msg"] == "192.0.2.1 is not on e0, which has no address"
    assert monitor.changes == []
    kernel.ip(place, "address", "add", "192.0.2.1/24", "dev", "e0")
    with kernel.inside(place):
        assert run_module("topology", namespaces=wanted)["changed"]


def test_an_expected_address_may_arrive_with_the_same_document(run_module: Any, ns: Any) -> None:
    """As that of a bond does, which the role underlay makes."""
    link = {"name": "b", "kind": "bridge", "addresses": ["192.0.2.1/24"], "expects": ["192.0.2.1"]}
    with kernel.inside(ns()):
        assert run_module("topology", namespaces={"": {"links": [link]}}, check=True)["changed"]
        assert run_module("topology", namespaces={"": {"links": [link]}})["changed"]
