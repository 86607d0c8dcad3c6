# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine is killed after each of its operations in turn; the next run reaches the same state, every time."""

from __future__ import annotations

import contextlib
import os
import pathlib
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.engine import apply as engine
from ansible_collections.weft.fabric.plugins.module_utils.engine.reconcile import reconcile
from ansible_collections.weft.fabric.plugins.module_utils.model.document import Document
from ansible_collections.weft.fabric.plugins.module_utils.model.topology import parse_topology
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, inside, namespaces, new_namespace, run
from ansible_collections.weft.fabric.tests.integration.state import snapshot

PODS = ("killed1", "killed2")


def pod(number: int, last: int, **more: Any) -> dict[str, Any]:
    end = {
        "name": "eth0",
        "netns": PODS[number - 1],
        "mac_address": f"02:00:5e:00:0{number}:02",
        "addresses": [f"10.1.0.{last}/24", f"fd00:1::{last}/64"],
    }
    mac = f"02:00:5e:00:0{number}:01"
    return {"name": f"veth{number}", "kind": "veth", "controller": "br0", "mac_address": mac, "peer": end, **more}


def entries(*numbers: int) -> dict[str, Any]:
    peers = [(number, f"02:00:5e:00:10:{number:02x}") for number in numbers]
    return {
        "neighbours": [{"dev": "vxlan0", "dst": f"10.3.{number}.0", "lladdr": mac} for number, mac in peers],
        "fdb": [{"dev": "vxlan0", "dst": f"192.0.2.{number}", "lladdr": mac} for number, mac in peers]
        + [{"dev": "vxlan0", "dst": f"192.0.2.{number}", "lladdr": "00:00:00:00:00:00"} for number in numbers],
        "routes": [
            {"dst": f"10.3.{number}.0/24", "via": f"10.3.{number}.0", "dev": "vxlan0", "onlink": True}
            for number in numbers
        ],
    }


def vxlan(**more: Any) -> dict[str, Any]:
    mac = "02:00:5e:00:10:01"
    options = {"vni": 10, "local": "192.0.2.1", "mac_address": mac, "addresses": ["10.3.0.0/32"], "mtu": 1450}
    return {"name": "vxlan0", "kind": "vxlan", **options, **more}


def bridge(*addresses: str) -> dict[str, Any]:
    return {"name": "br0", "kind": "bridge", "mac_address": "02:00:5e:00:00:01", "addresses": list(addresses)}


def default(last: int) -> dict[str, Any]:
    return {"routes": [{"dst": "default", "via": f"10.1.0.{last}"}, {"dst": "default", "via": f"fd00:1::{last}"}]}


FIRST = {
    "": {"links": [bridge("10.1.0.1/24", "fd00:1::1/64"), pod(1, 2), pod(2, 3), vxlan()], **entries(2, 3)},
    PODS[0]: default(1),
    PODS[1]: default(1),
}
# Everything differs: addresses, MACs, MTU, entries, the port of another bridge, a VXLAN that has to be made again.
SECOND = {
    "": {
        "links": [
            bridge("10.1.0.9/24", "fd00:1::1/48"),
            pod(1, 4, mtu=1400),
            pod(2, 3, controller=""),
            vxlan(vni=11, recreate=True, mtu=1400, mac_address="02:00:5e:00:10:09"),
        ],
        **entries(3, 4),
    },
    PODS[0]: default(9),
    PODS[1]: {"routes": [{"dst": "10.9.0.0/16", "dev": "eth0"}]},
}
WAYS = {
    "create": (None, {"namespaces": FIRST}),
    "change": (FIRST, {"namespaces": SECOND, "purge": True}),
    "change back": (SECOND, {"namespaces": FIRST, "purge": True}),
    "remove": (FIRST, {"namespaces": FIRST, "absent": True}),
}


def recreatable(arguments: dict[str, Any]) -> dict[str, Any]:
    """SECOND's way back makes the VXLAN again, too."""
    links = [{**link, "recreate": True} for link in arguments["namespaces"][""]["links"]]
    return {**arguments, "namespaces": {**arguments["namespaces"], "": {**arguments["namespaces"][""], "links": links}}}


@contextlib.contextmanager
def host(start: dict[str, Any] | None) -> Iterator[str]:
    """A host in the state that a document describes; this thread is in it."""
    with new_namespace() as name, inside(name):
        try:
            if start:
                reconcile(parse_topology(start))
            yield name
        finally:
            for pod_name in set(PODS) & namespaces():  # one may be a file alone, which 'ip netns delete' does not like
                run("sh", "-c", f"umount -q /run/netns/{pod_name}; rm /run/netns/{pod_name}")


def state(name: str) -> dict[str, Any]:
    found = {place: snapshot(place) for place in PODS if place in namespaces()}
    return {"": snapshot(name), **found}


def killed_after(count: int, document: Document) -> bool:
    """Run the engine in a process that kills itself before operation number ``count``; False if it got to the end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            die_before(count, document)
            status = 0
        finally:
            os._exit(status)
    _pid, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def die_before(count: int, document: Document) -> None:
    """The engine sends its operations one by one here, so that it can be killed between any two."""
    done = 0
    send = engine._Worker.run

    def one_by_one(worker: Any, batch: list[Any]) -> None:
        nonlocal done
        for operation in batch:
            if done == count:
                os.kill(os.getpid(), signal.SIGKILL)
            send(worker, [operation])
            done += 1

    engine._Worker.run = one_by_one  # type: ignore[method-assign]
    reconcile(document)


@pytest.mark.parametrize("way", WAYS)
def test_the_next_run_gets_there(way: str) -> None:
    start, arguments = WAYS[way]
    arguments = recreatable(arguments)
    with host(start) as name:
        reconcile(parse_topology(**arguments))
        expected = state(name)
    count = 0
    interrupted = True
    while interrupted:
        with host(start) as name:
            interrupted = killed_after(count, parse_topology(**arguments))
            outcome = reconcile(parse_topology(**arguments))
            assert outcome.changed == interrupted, f"after {count} operations: {outcome.diff}"
            assert state(name) == expected, f"after {count} operations"
            # The pods' namespaces are the engine's, with duplicate address detection: its end takes seconds.
            watched = [name] if interrupted else [name, *(set(PODS) & namespaces())]
            with Monitor(*watched) as monitor:
                assert not reconcile(parse_topology(**arguments)).changed
            assert monitor.changes == [], f"after {count} operations"
            assert state(name) == expected, f"after {count} operations"
        count += 1
    assert count > 15


@pytest.mark.parametrize("absent", [False, True])
def test_killed_within_the_creation_of_a_namespace(absent: bool) -> None:
    """Between making the file and mounting the namespace on it."""
    with host(None):
        path = pathlib.Path("/run/netns", PODS[0])
        path.touch(0o200)  # the mode of a file of ours until a namespace is mounted on it
        would = reconcile(parse_topology({PODS[0]: {}}, absent=absent), check=True)
        assert path.stat().st_size == 0 and path.exists() and not os.path.ismount(path)
        did = reconcile(parse_topology({PODS[0]: {}}, absent=absent))
        assert (would.changed, would.diff) == (True, did.diff)
        if absent:
            assert not path.exists()
        else:
            assert "UP" in run("ip", "-n", PODS[0], "link", "show", "lo")
        with Monitor("") as monitor:
            assert not reconcile(parse_topology({PODS[0]: {}}, absent=absent)).changed
        assert monitor.changes == []
