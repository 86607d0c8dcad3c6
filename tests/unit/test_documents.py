# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documents of a host, of all roles together."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host.documents import asked_for, parse
from ansible_collections.weft.fabric.plugins.plugin_utils import documents
from ansible_collections.weft.fabric.plugins.plugin_utils.documents.role import Host
from ansible_collections.weft.fabric.tests.overlays import overlays_of, planned

OVERLAYS = planned(overlays_of({"a": {"number": 0, "address": "192.0.2.1", "dev": "e0"}}))
NOTHING: dict[str, Any] = {
    "underlay_bonds": [],
    "underlay_vlans": [],
    "underlay_routes": [],
    "underlay_interfaces": [],
    "underlay_interface_routes": [],
    "mgmt_routing_routes": [],
    "mgmt_routing_forward": [],
    "masquerade_rules": [],
    "overlay_resync": 0,
    "overlay_admission": True,
    "overlay_admission_from": [],
    "pods_pods": [],
    "pods_network": {"driver": "none"},
    "pods_port": 8000,
    **{f"{role}_state": "present" for role in documents.ROLES},
    **{f"{role}_persist": True for role in documents.ROLES},
}
EVERYTHING = {
    **NOTHING,
    "underlay_bonds": [{"name": "bond0", "ports": ["e0", "e1"]}],
    "underlay_interfaces": [{"name": "e0", "addresses": ["192.0.2.1/24"]}],
    "mgmt_routing_forward": ["ipv4"],
    "masquerade_rules": [{"source": "10.0.0.0/8"}],
}
ALL = dict.fromkeys(documents.ROLES, True)


def of_host(variables: dict[str, Any], wanted: dict[str, bool] | None = None) -> dict[str, Any]:
    return documents.of_host(Host("a", variables, OVERLAYS), wanted or ALL)


def test_every_document_is_one_that_the_host_takes() -> None:
    found = asked_for(of_host(EVERYTHING), {}, True, "present")
    assert [name for name, document in found.items() if not document.absent] == [*documents.ROLES]


def test_a_role_without_anything_to_do_has_no_document() -> None:
    found = of_host(NOTHING)
    assert {name for name, document in found.items() if document == {"state": "absent"}} == {
        "underlay", "mgmt_routing", "masquerade",
    }  # fmt: skip


@pytest.mark.parametrize("role", documents.ROLES)
def test_a_role_that_is_to_be_absent_takes_its_document_away(role: str) -> None:
    by_state = of_host({**EVERYTHING, f"{role}_state": "absent"})
    assert by_state == of_host(EVERYTHING, {**ALL, role: False})
    assert by_state[role]["state"] == "absent"
    assert [name for name, document in by_state.items() if "state" in document] == [role]


def test_interfaces_return_to_their_state_with_the_end_of_bonds() -> None:
    found = of_host({**EVERYTHING, "underlay_state": "absent"})["underlay"]
    assert found["afterwards"]["topology"]["namespaces"][""]["links"] == [
        {"name": "e0", "controller": ""},
        {"name": "e1", "controller": ""},
        {"name": "e0", "addresses": ["192.0.2.1/24"], "admin_state": "up"},
    ]


@pytest.mark.parametrize("role", documents.ROLES)
def test_each_role_says_itself_whether_it_outlives_a_reboot(role: str) -> None:
    found = asked_for(of_host({**EVERYTHING, f"{role}_persist": False}), {}, True, "present")
    assert [name for name, document in found.items() if not document.persist] == [role]


@pytest.mark.parametrize(
    ("tags", "selected"),
    [
        (["all"], [*documents.ROLES]),
        (["apply"], [*documents.ROLES]),
        (["pods", "overlay"], ["overlay", "pods"]),
        (["plan", "masquerade"], ["masquerade"]),
    ],
)
def test_tags_select_roles(tags: list[str], selected: list[str]) -> None:
    assert documents.selected(tags) == selected


# -- on the host -----------------------------------------------------------------------------------


def test_a_documents_own_state_counts() -> None:
    content = {"sysctl": {"net.ipv4.ip_forward": 1}}
    assert parse("x", {**content, "state": "absent"}).absent
    assert not parse("x", {**content, "state": "present"}, state="absent").absent
    own = parse("x", {**content, "persist": False})
    assert (own.persist, own.content) == (False, content)


def test_a_known_document_is_not_parsed_again() -> None:
    content = {"sysctl": {"net.ipv4.ip_forward": 1}}
    known = {"x": parse("x", content)}
    for given in (content, {**content, "persist": True}, {**content, "state": "present"}):
        assert asked_for({"x": given}, known, True, "present")["x"] is known["x"]
    for given in ({**content, "persist": False}, {**content, "state": "absent"}, {"sysctl": {}}):
        assert asked_for({"x": given}, known, True, "present")["x"] is not known["x"]
    assert asked_for({"x": content}, known, False, "present")["x"] is not known["x"]
