# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/overlays.md, its tenants with the same addresses: two nodes as on the page, packets between their pods."""

from __future__ import annotations

import contextlib
import copy
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from ansible_collections.weft.fabric.tests.integration.cni import asked
from ansible_collections.weft.fabric.tests.integration.kernel import (
    Monitor,
    inside,
    ip,
    ip_batch,
    ip_json,
    new_namespace,
    run,
)
from ansible_collections.weft.fabric.tests.integration.pages import DOCS

pytestmark = [pytest.mark.needs_kind("vrf"), pytest.mark.usefixtures("disk")]

SECTION = (DOCS / "overlays.md").read_text(encoding="utf-8").partition("## Tenants with the same addresses\n")[2]
TEXT = SECTION.partition("```yaml\n")[2].partition("```")[0]
ROUTER = "192.168.1.1"
ABSENT = {"state": "absent"}
# On node-2, blue's pod has another number than red's, so that an answer says whose it is.
PLACES = (
    ("10.244.1.", "10.244.X."), ("10.244.2.", "10.244.1."), ("10.244.X.", "10.244.2."),
    ("f4:01", "f4:XX"), ("f4:02", "f4:01"), ("f4:XX", "f4:02"),
    ("168.1.11", "168.1.XX"), ("168.1.12", "168.1.11"), ("168.1.XX", "168.1.12"),
    ("netns: blue1, mtu: 1450, addresses: [10.244.2.2/24]", "netns: blue2, mtu: 1450, addresses: [10.244.2.3/24]"),
    ("red1", "red2"), ("blue1", "blue2"),
)  # fmt: skip


def tasks(number: int) -> dict[str, dict[str, Any]]:
    """The arguments of a node's modules."""
    text = TEXT
    for old, new in PLACES if number == 2 else ():
        text = text.replace(old, new)
    return {
        key.removeprefix("weft.fabric."): arguments
        for task in yaml.safe_load(text)
        for key, arguments in task.items()
        if key != "name"
    }


@pytest.fixture
def nodes() -> Iterator[list[str]]:
    """Two nodes and their router on one segment; the pods' namespaces are of the page."""
    with contextlib.ExitStack() as stack:
        router, *hosts = (stack.enter_context(new_namespace()) for _each in range(3))
        ip_batch(router, "link add lan0 type bridge", "link set lan0 up", f"address add {ROUTER}/24 dev lan0")
        for number, host in enumerate(hosts, 1):
            ip(router, *f"link add p{number} up master lan0 type veth peer name eth0 netns {host}".split())
            ip_batch(host, "link set eth0 up", f"address add 192.168.1.1{number}/24 dev eth0")
        stack.callback(run, "sh", "-c", "for name in red1 red2 blue1 blue2; do ip netns delete $name; done; true")
        yield hosts


def reaches(namespace: str, address: str) -> bool:
    command = ["ip", "netns", "exec", namespace, "ping", "-c1", "-W1", address]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def found() -> dict[str, bool]:
    """Whom the pods of node-1 reach."""
    ways = {
        "red1 gateway": ("red1", "10.244.1.1"),
        "red1 red2": ("red1", "10.244.2.2"),
        "red1 blue2": ("red1", "10.244.2.3"),
        "red1 router": ("red1", ROUTER),
        "blue1 gateway": ("blue1", "10.244.1.1"),
        "blue1 red2": ("blue1", "10.244.2.2"),
        "blue1 blue2": ("blue1", "10.244.2.3"),
        "blue1 router": ("blue1", ROUTER),
        "blue1 host": ("blue1", "192.168.1.11"),
    }
    return {name: reaches(*way) for name, way in ways.items()}


RIGHT = {
    "red1 gateway": True, "red1 red2": True, "red1 blue2": False, "red1 router": True,
    "blue1 gateway": True, "blue1 red2": False, "blue1 blue2": True, "blue1 router": False,
    # The host's own addresses are in the table local, which comes before a VRF's.
    "blue1 host": True,
}  # fmt: skip


def converge(run_module: Any, host: str, arguments: dict[str, dict[str, Any]]) -> None:
    """Each module would do, does, and has nothing to do then."""
    with inside(host):
        for module, given in arguments.items():
            would = run_module(module, check=True, **given)
            done = run_module(module, **given)
            assert (done.get("msg"), would["diff"]) == (None, done["diff"]), module
        with Monitor(host) as monitor:
            for module, given in arguments.items():
                assert not run_module(module, **given)["changed"], module
        assert asked(monitor.changes) == []


def test_tenants_with_the_same_addresses(nodes: list[str], run_module) -> None:
    for number, host in enumerate(nodes, 1):
        converge(run_module, host, tasks(number))
    assert found() == RIGHT

    # What others have in the table stays, and of ours what the list lacks is removed.
    host, arguments = nodes[0], copy.deepcopy(tasks(1)["topology"])
    ip_batch(
        host,
        "route add 10.9.0.0/16 dev br10 table 10 proto bird",
        "rule add priority 800 from 10.5.0.0/16 table 10",
    )
    here = arguments["namespaces"][""]
    here["routes"] = [route for route in here["routes"] if route.get("via") != ROUTER]
    here["rules"] = []
    converge(run_module, host, {"topology": arguments})
    assert {name: way for name, way in found().items() if way != RIGHT[name]} == {"red1 router": False}
    assert {rule["priority"] for rule in ip_json(host, "rule")} == {0, 800, 1000, 32766, 32767}
    left = [route for route in ip_json(host, "route", "show", "table", "10") if route["protocol"] != "kernel"]
    assert [(route["dst"], route["protocol"]) for route in left] == [("10.9.0.0/16", "bird"), ("10.244.2.0/24", "119")]

    # Without blue, red goes on.
    gone = [link for link in here["links"] if "blue" in link["name"] or "20" in link["name"]]
    absent = {"": {"links": [{"name": link["name"], "kind": link["kind"], "state": "absent"} for link in gone]}}
    unreachable = [route for route in here["routes"] if "type" in route]
    with inside(host):
        for module, given in (("topology", {"namespaces": absent}), ("route", {"routes": unreachable, **ABSENT})):
            done = run_module(module, **given)
            assert (done.get("msg"), done["changed"]) == (None, True)
    assert {name: way for name, way in found().items() if way} == {"red1 gateway": True, "red1 red2": True}
    assert not ip_json(host, "route", "show", "table", "20")
