# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a document's last version is removed, and what stays although it is not listed any more."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.errors import InvalidParameter
from ansible_collections.weft.fabric.plugins.module_utils.host import documents
from ansible_collections.weft.fabric.plugins.module_utils.host.replay import prepare, run_of
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.link import Link
from ansible_collections.weft.fabric.plugins.module_utils.model.namespace import Namespace
from ansible_collections.weft.fabric.plugins.module_utils.model.observed import Observed
from ansible_collections.weft.fabric.plugins.module_utils.model.removal import AFTER, BEFORE, Removal
from ansible_collections.weft.fabric.plugins.module_utils.plan import leftover
from ansible_collections.weft.fabric.plugins.module_utils.plan.phases import plan
from ansible_collections.weft.fabric.plugins.module_utils.sections import isolation
from ansible_collections.weft.fabric.plugins.module_utils.sections.section import Run
from ansible_collections.weft.fabric.tests.unit.pure_kernel import PureKernel

BRIDGE = {"name": "br0", "kind": "bridge"}
VETH: dict[str, Any] = {"name": "veth0", "kind": "veth", "controller": "br0", "peer": {"name": "eth0", "netns": "pod1"}}
VXLAN = {"name": "vxlan0", "kind": "vxlan", "vni": 10}
VXLAN_GONE = {"name": "vxlan0", "kind": "vxlan"}
BOTH = {"": {"links": [BRIDGE, VETH]}, "pod1": {}}


def document(namespaces: dict[str, Any]) -> documents.Stored:
    return documents.parse("pods", {"topology": {"namespaces": namespaces, "purge": True, "purge_links": True}})


def topology(namespaces: dict[str, Any]) -> Document:
    found: Document = document(namespaces).values["topology"].document
    return found


def left(last: dict[str, Any], wanted: dict[str, Any]) -> leftover.Left:
    return leftover.between(topology(last), topology(wanted), ())


def prepared(wanted: documents.Stored, last: documents.Stored | None, besides: documents.Stored | None = None) -> Run:
    run = run_of(wanted, True, last, besides)
    prepare(run)
    return run


def links(found: Any, phase: str) -> list[tuple[str, str]]:
    """The links that are removed in a phase, each with its namespace."""
    return [(netns, item.name) for netns, item, when, _strict in found.removals if when == phase and type(item) is Link]


def names(found: Any) -> list[str]:
    """The namespaces that are removed."""
    return [item.name for _netns, item, *_rest in found.removals if isinstance(item, Namespace) and item.joins is None]


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


def test_a_pod_that_is_not_listed_stays() -> None:
    found = left(BOTH, {"": {"links": []}})
    assert (links(found, BEFORE), links(found, AFTER)) == ([], [("", "br0")])
    namespaces = {
        "": Observed(
            links={
                "br0": Link("br0", "bridge", {"controller": ""}, index=2),
                "veth0": Link("veth0", "veth", {"controller": "br0"}, ("pod1", "eth0"), index=3),
            }
        )
    }
    wanted = topology({"": {"links": []}})
    wanted.removals = list(found.removals)
    planned = plan(wanted, namespaces)
    assert (planned.operations, planned.warnings) == (
        [], ["link br0 stays: it has ports that are not listed, veth0"],
    )  # fmt: skip


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


def test_networks_that_are_kept_apart_no_longer_are_not() -> None:
    several = {"topology": {"namespaces": {}, "purge_links": True}, "isolation": [["10.1.0.0/16"], ["10.2.0.0/16"]]}
    last, wanted = (
        documents.parse("overlay", {**several, "isolation": groups}) for groups in (several["isolation"], None)
    )
    assert prepared(wanted, last).values["isolation"] == (isolation.TABLE, None)
    assert prepared(last, last).values == last.values


@pytest.mark.parametrize("purge_links", [True, False])
def test_a_table_of_the_last_version_is_removed(purge_links: bool) -> None:
    topology = {"namespaces": {}, "purge_links": purge_links}
    rules = {"table": "weft_pods", "rules": [{"source": "10.1.0.0/16"}]}
    last = documents.parse("pods", {"topology": topology, "masquerade": rules})
    run = prepared(documents.parse("pods", {"topology": topology}), last)
    assert (run.values.get("masquerade"), run.late) == (("weft_pods", None) if purge_links else None, purge_links)


def gone(namespaces: dict[str, Any], cni: Any = ()) -> Any:
    parameters = {"topology": {"namespaces": namespaces}, "cni": list(cni)}
    return documents.parse_absent(document({}), parameters)


def test_what_is_listed_goes_with_or_without_a_last_version() -> None:
    listed = gone({"": {"links": [VXLAN_GONE]}, "pod1": {}})
    found = prepared(document({"": {"links": []}}), None, listed).values["topology"].document
    assert (links(found, AFTER), names(found), links(found, BEFORE)) == ([("", "vxlan0")], ["pod1"], [])
    found = prepared(document({"": {"links": []}}), document(BOTH), listed).values["topology"].document
    assert (links(found, AFTER), names(found)) == ([("", "br0"), ("", "vxlan0")], ["pod1"])
    assert gone({"": {"links": []}}) is None


NETWORK = {
    "cniVersion": "1.0.0",
    "name": "net1",
    "type": "bridge",
    "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.22.0.0/16"}]]},
}


def test_a_container_that_goes_gives_back_what_it_was_given_and_not_what_is_listed() -> None:
    last = documents.parse("pods", {"topology": {"namespaces": {"pod1": {}}}, "cni": [attachment(NETWORK)]})
    for listed in ([], [attachment({**NETWORK, "name": "net2"})], [attachment(NETWORK)]):
        found = prepared(document({}), last, gone({"pod1": {}}, listed)).left["cni"]
        assert [item.network.name for item in found] == ["net1"]
    found = prepared(document({}), None, gone({"pod1": {}}, [attachment(NETWORK)])).left["cni"]
    assert [item.network.name for item in found] == ["net1"]
    other = documents.parse("pods", {"cni": [{**attachment(NETWORK), "netns": "pod2"}]})
    found = prepared(document({}), other, gone({"pod1": {}})).left["cni"]
    assert found == ()


def attachment(network: dict[str, Any]) -> dict[str, Any]:
    return {"netns": "pod1", "network": network}


@pytest.mark.parametrize(
    ("wanted", "listed", "named"),
    [
        (document({"pod1": {}}), {"pod1": {}}, "absent.topology.namespaces"),
        (documents.parse("pods", {}, absent=True), {"pod1": {}}, "list it there"),
        (document({}), {"pod1": {"links": [{"name": "x", "kind": "moon"}]}}, "kind"),
    ],
)
def test_what_is_wrong_about_what_goes(wanted: documents.Stored, listed: Any, named: str) -> None:
    with pytest.raises(InvalidParameter, match=named):
        documents.parse_absent(wanted, {"topology": {"namespaces": listed}})
    with pytest.raises(InvalidParameter, match=r"absent\.moon"):
        documents.parse_absent(wanted, {"moon": {}})


def test_an_interface_that_goes_with_a_document_that_does_is_listed_there() -> None:
    with pytest.raises(InvalidParameter, match="list it there"):
        documents.parse_absent(documents.parse("pods", {}, absent=True), {"cni": [attachment(NETWORK)]})
