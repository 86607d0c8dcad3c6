# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan is carried out as it was shown, or refused; and a warning if the controller's inventory is out of date."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import DOCUMENT, FORWARD, tree

OTHER: dict[str, Any] = copy.deepcopy(DOCUMENT)
OTHER["topology"]["namespaces"][""]["links"][2]["mtu"] = 1300
DIFFERS = "this host has changed since its plan was shown: look at the new plan, and run again"

# What happens between a plan and its run.
MEANWHILE = {
    "a link is removed": lambda _run: kernel.ip("", "link", "delete", "veth0"),
    "an attribute changes": lambda _run: kernel.ip("", "link", "set", "vxlan0", "mtu", "1350"),
    "a rule is removed": lambda _run: kernel.run("nft", "flush", "ruleset"),
    "a parameter changes": lambda _run: kernel.run("sysctl", "-q", f"{FORWARD}=0"),
    "a file is removed": lambda _run: kernel.run("rm", "/etc/NetworkManager/conf.d/10-weft-pods.conf"),
    "another controller runs": lambda run: run("host", documents={"overlay": {"resync": 90}}),
}


@pytest.mark.parametrize("happens", MEANWHILE.values(), ids=MEANWHILE)
def test_a_host_that_has_changed_meanwhile(run_module, happens) -> None:
    run_module("host", documents={"pods": {**DOCUMENT, "sysctl": {FORWARD: 1}}})
    wanted = {"pods": {**OTHER, "sysctl": {FORWARD: 1}}}
    shown = run_module("host", check=True, documents=wanted)
    happens(run_module)
    before = tree()
    with kernel.unchanged("", "pod1"):
        refused = run_module("host", documents=wanted, plan=shown["plan"])
    assert (refused["msg"], tree()) == (DIFFERS, before)
    now = run_module("host", check=True, documents=wanted)
    assert (refused["diff"], refused["plan"]) == (now["diff"], now["plan"])
    assert now["plan"] != shown["plan"]
    done = run_module("host", documents=wanted, plan=now["plan"])
    assert (done["changed"], done["plan"], done["diff"]) == (True, now["plan"], now["diff"])
    run_module("host", documents={"pods": {}, "overlay": {}}, state="absent")


def test_a_foreign_link_that_is_made_meanwhile(run_module) -> None:
    """It takes a name of ours: what was planned to be made is not taken over."""
    wanted = {
        "pods": {
            "topology": {"namespaces": {"": {"links": [{"name": "veth9", "kind": "veth", "peer": {"name": "veth8"}}]}}}
        }
    }
    shown = run_module("host", check=True, documents=wanted, strict=True)
    kernel.ip("", "link", "add", "veth9", "type", "veth", "peer", "name", "theirs")
    before = tree()
    with kernel.unchanged(""):
        refused = run_module("host", documents=wanted, plan=shown["plan"])
    assert (refused["msg"].partition(" (")[0], tree()) == ("link veth9 exists and is not ours", before)
    kernel.ip("", "link", "delete", "veth9")


def test_a_foreign_route_that_is_made_meanwhile(run_module) -> None:
    wanted = {"pods": {**DOCUMENT, "networks": ["10.9.0.0/16"]}}
    shown = run_module("host", check=True, documents=wanted, strict=True)
    kernel.ip("", "route", "add", "10.9.2.128/25", "dev", "lo")
    before = tree()
    with kernel.unchanged(""):
        refused = run_module("host", documents=wanted, plan=shown["plan"])
    assert (refused["msg"].partition(": ")[0], tree()) == (
        "route 10.9.2.128/25 dev lo proto boot is inside of 10.9.0.0/16, which the pods have",
        before,
    )
    kernel.ip("", "route", "delete", "10.9.2.128/25")


def test_a_plan_of_which_nothing_is_left(run_module) -> None:
    """A controller that lost its connection does not know that the run has ended well, and repeats it."""
    shown = run_module("host", check=True, documents={"pods": DOCUMENT})
    assert run_module("host", documents={"pods": DOCUMENT}, plan=shown["plan"])["changed"]
    with kernel.unchanged("", "pod1"):
        again = run_module("host", documents={"pods": DOCUMENT}, plan=shown["plan"])
    assert (again.rc, again["changed"]) == (0, False)
    run_module("host", documents={"pods": {}}, state="absent")


def test_the_revision_of_the_fabric(run_module) -> None:
    made = run_module("host", documents={"pods": DOCUMENT}, revision="aaa")
    assert (made["revision"], made.get("warnings")) == ("aaa", None)
    # Another host has changed. This one has nothing to do, and writes nothing.
    before = tree()
    same = run_module("host", documents={"pods": DOCUMENT}, revision="bbb")
    assert (same["changed"], same["revision"], tree()) == (False, "aaa", before)
    assert run_module("host", documents={"pods": OTHER}, revision="ccc").get("warnings") is None
    for check in (True, False):
        old = run_module("host", check=check, documents={"pods": DOCUMENT}, revision="aaa")
        (warning,) = [one["event"]["msg"] for one in old["warnings"]]
        assert warning.startswith("this host has a newer revision, ccc from this host itself at 20")
        assert warning.endswith(", and had aaa before it")
    for documents in (OTHER, DOCUMENT):  # a role that is used alone has no revision of a fabric
        assert run_module("host", documents={"pods": documents}).get("warnings") is None
    assert run_module("host", documents={"pods": {}}, state="absent")["revision"] == ""
