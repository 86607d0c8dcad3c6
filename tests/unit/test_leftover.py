# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is removed because an earlier document listed it."""

from __future__ import annotations

from typing import Any

from ansible_collections.weft.fabric.plugins.module_utils.host import documents
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import prepare
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, BEFORE, Removal
from ansible_collections.weft.fabric.plugins.module_utils.plan import leftover
from ansible_collections.weft.fabric.plugins.module_utils.plan.phases import plan
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Run
from ansible_collections.weft.fabric.plugins.module_utils.values import ROUTE_PROTOCOL
from ansible_collections.weft.fabric.tests.unit.pure_kernel import PureKernel

MAC = "02:00:00:00:00:01"
BRIDGE = {"name": "br0", "kind": "bridge"}
VETH: dict[str, Any] = {"name": "veth0", "kind": "veth", "controller": "br0", "peer": {"name": "eth0", "netns": "pod1"}}
VXLAN = {"name": "vxlan0", "kind": "vxlan", "vni": 10}
BOTH = {"": {"links": [BRIDGE, VETH]}, "pod1": {}}


def document(namespaces: dict[str, Any]) -> documents.Document:
    return documents.parse("pods", {"topology": {"namespaces": namespaces, "purge": True}})


def topology(namespaces: dict[str, Any]) -> Document:
    found: Document = document(namespaces).values["topology"].document
    return found


def left(last: dict[str, Any], wanted: dict[str, Any]) -> leftover.Left:
    return leftover.between(topology(last), topology(wanted), ())


def prepared(wanted: documents.Document, *former: documents.Document) -> Run:
    run = Run({wanted.name: dict(wanted.values)}, [{one.name: dict(one.values)} for one in former], check=True)
    prepare(run)
    return run


def links(found: Any, phase: str) -> list[tuple[str, str]]:
    """The links that are removed in a phase, each with its namespace."""
    return [(netns, item.name) for netns, item, when, _strict in found.removals if when == phase and type(item) is Link]


def names(found: Any) -> list[str]:
    """The namespaces that are removed."""
    return [item.name for _netns, item, *_rest in found.removals if isinstance(item, Namespace) and item.joins is None]


def test_an_interface_of_the_host_leaves_the_bridge_that_a_document_put_it_into() -> None:
    port = {"name": "nic0", "controller": "br0"}
    was = {"": {"links": [BRIDGE, port]}}
    assert links(left(was, {"": {"links": [BRIDGE]}}), AFTER) == [("", "nic0")]
    assert links(left(was, {"": {"links": [BRIDGE, {"name": "nic0"}]}}), AFTER) == [("", "nic0")]
    assert links(left(was, {"": {}}), AFTER) == [("", "br0"), ("", "nic0")]
    for stays in (port, {**port, "controller": "br1"}, {**port, "controller": ""}):
        assert links(left(was, {"": {"links": [BRIDGE, {"name": "br1", "kind": "bridge"}, stays]}}), AFTER) == []


def test_what_stays_leaves_nothing() -> None:
    assert not any(left(BOTH, BOTH))
    assert not any(left({}, BOTH))


def test_an_interface_goes_at_once_and_what_it_hung_on_last() -> None:
    found = left(BOTH, {"": {"links": []}, "pod1": {}})
    assert links(found, BEFORE) == [("pod1", "eth0")]
    kernel = PureKernel()
    made, wanted = topology(BOTH), topology({"": {}, "pod1": {}})
    kernel.run(made)
    wanted.removals = [removal for removal in found.removals if removal.phase == AFTER]
    deleted = [operation.before.name for operation in plan(wanted, kernel.observe(wanted)).operations]
    assert deleted == ["veth0", "br0"], "a bridge after its ports"
    assert links(left({"": {"links": [VXLAN]}}, {"": {}}), AFTER) == [("", "vxlan0")]


def test_a_pair_that_is_asked_less_is_made_anew() -> None:
    sized = {**VETH, "peer": {**VETH["peer"], "mtu": 1400}}
    more = {"": {"links": [BRIDGE, sized]}, "pod1": {}}
    assert links(left(more, BOTH), BEFORE) == [("pod1", "eth0")]
    assert not any(left(BOTH, more))


def test_a_pod_that_is_not_listed_goes_with_its_cable() -> None:
    found = left(BOTH, {"": {"links": []}})
    assert (names(found), found.replaced) == (["pod1"], ["pod1"])
    assert links(found, AFTER) == [("", "br0"), ("", "veth0")]


def test_a_bridge_with_ports_of_others_stays() -> None:
    found = left(BOTH, {"": {"links": []}})
    namespaces = {
        "": Observed(
            links={
                "br0": Link("br0", "bridge", {"controller": ""}, index=2),
                "theirs": Link("theirs", "veth", {"controller": "br0"}, index=3),
            }
        ),
        "pod1": Observed("absent"),
    }
    wanted = topology({"": {"links": []}})
    wanted.removals = list(found.removals)
    planned = plan(wanted, namespaces)
    assert (planned.operations, planned.warnings) == (
        [], ["link br0 stays: it has ports that are not listed, theirs"],
    )  # fmt: skip


def test_entries_on_what_stays() -> None:
    nic = {"links": [{"name": "nic0"}], "addresses": [{"dev": "nic0", "address": "192.0.2.1/24"}]}
    routes = [{"dst": "10.0.0.0/8", "via": "192.0.2.9"}, {"dst": "10.1.0.0/16", "via": "192.0.2.9"}]
    last = {"": {**nic, "routes": routes, "neighbours": [{"dev": "nic0", "dst": "192.0.2.9", "lladdr": MAC}]}}
    now = {"": {"links": [{"name": "nic0"}], "routes": routes[:1]}}
    found = [removal.item.label() for removal in left(last, now).removals]
    assert found == ["route 10.1.0.0/16 via 192.0.2.9", "neighbour 192.0.2.9 on nic0", "address 192.0.2.1/24 on nic0"]
    (route, *_others) = left(last, now).removals
    assert route.item.protocol == ROUTE_PROTOCOL, "somebody else's stays"
    assert not any(left(now, now))


def test_what_has_become_another_kind_stays() -> None:
    wanted = topology({"": {"links": []}})
    wanted.removals = [Removal("", Link("br0", "bridge"), AFTER)]
    assert plan(wanted, {"": Observed(links={"br0": Link("br0", "dummy", {}, index=2)})}).operations == []


def test_names_that_change_their_namespace() -> None:
    joined = {"": {"links": []}, "pod1": {}, "pod2": {"joins": "pod1"}}
    own = {**joined, "pod2": {}}
    assert left(joined, own).replaced == ["pod2"]
    assert left(joined, own).removals == [Removal("", Namespace("pod2", "pod1"))]
    assert left(own, joined).replaced == ["pod2"]
    assert left(own, joined).removals == []
    assert not any(left(joined, joined))


NETWORK = {
    "cniVersion": "1.0.0",
    "name": "net1",
    "type": "bridge",
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.22.0.0/16"}]]},
}


def attachment(network: dict[str, Any]) -> dict[str, Any]:
    return {"netns": "pod1", "network": network}


def test_a_container_that_goes_gives_back_what_it_was_given() -> None:
    last = documents.parse("pods", {"topology": {"namespaces": {"pod1": {}}}, "cni": [attachment(NETWORK)]})
    for wanted in (document({}), documents.parse("pods", {"cni": [attachment({**NETWORK, "name": "net2"})]})):
        run = prepared(wanted, last)
        assert [item.network.name for item in run.left["cni"]] == ["net1"]
        assert run.leaving == {("pod1", "eth0")}
    assert prepared(last, last).left["cni"] == ()
