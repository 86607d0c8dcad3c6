# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces by alternative names, and namespaces by paths and processes."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import (
    Monitor,
    eventually,
    ip,
    ip_batch,
    ip_json,
    namespaces,
    unchanged,
)
from ansible_collections.weft.fabric.tests.integration.life import MACS
from ansible_collections.weft.fabric.tests.integration.state import snapshot

SHORT, LONG = "enp1s0", "an-alternative-name-of-more-than-15-bytes"


@pytest.fixture
def named(ns) -> str:
    """A namespace with a veth e0 that has two alternative names, and whose other end has one."""
    name: str = ns()
    ip_batch(
        name,
        "link add e0 type veth peer name e1",
        "link set e0 up",
        "link set e1 up",
        "address add 10.0.0.1/24 dev e0",
        f"link property add dev e0 altname {SHORT} altname {LONG}",
        "link property add dev e1 altname far",
    )
    return name


# Everything that names an interface: a module, and its arguments with DEV for the name.
USES: dict[str, tuple[str, dict[str, Any]]] = {
    "link": ("veth", {"name": "DEV", "mtu": 1400}),
    "pair": ("veth", {"name": "DEV", "mtu": 1400, "peer": {"name": "far", "mtu": 1400}}),
    "address": ("address", {"dev": "DEV", "addresses": ["10.0.9.1/24"]}),
    "route": ("route", {"routes": [{"dst": "10.33.0.0/16", "dev": "DEV"}]}),
    "neighbour": ("vxlan_neigh", {"dev": "DEV", "entries": [{"dst": "10.0.0.7", "lladdr": MACS[1]}], "purge": True}),
    "ports": ("bridge", {"name": "br0", "ports": ["DEV"], "purge_ports": True}),
    "controller": (
        "topology",
        {"namespaces": {"NS": {"links": [{"name": "br0", "kind": "bridge"}, {"name": "DEV", "controller": "br0"}]}}},
    ),
    "parent": ("macvlan", {"name": "mv0", "parent": "DEV"}),
    "underlay": ("vxlan", {"name": "vx0", "vni": 5, "dev": "DEV", "mtu": "auto"}),
    "rule": ("rule", {"rules": [{"priority": 5, "iif": "DEV", "oif": "DEV", "table": 7}]}),
    "document": (
        "topology",
        {
            "purge": True,
            "namespaces": {
                "NS": {
                    "links": [{"name": "DEV", "mtu": 1450}, {"name": "e0", "txqueuelen": 77}],
                    "addresses": [{"dev": "DEV", "address": "10.0.0.1/24"}],
                    "routes": [{"dst": "10.34.0.0/16", "dev": "DEV"}],
                    "neighbours": [{"dev": "DEV", "dst": "10.0.0.8", "lladdr": MACS[2]}],
                }
            },
        },
    ),
}


def filled(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {filled(key, names): filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return names.get(value, value) if isinstance(value, str) else value


@pytest.mark.parametrize("use", USES)
def test_an_interface_is_found_by_any_of_its_names(use: str, run_module, ns, named) -> None:
    """What is made by its own name is there by the others, and the other way round."""
    module, arguments = USES[use]

    def run(dev: str, **more: Any) -> Any:
        place = {} if module == "topology" else {"netns": named}
        return run_module(module, **place, **filled(arguments, {"DEV": dev, "NS": named}), **more)

    before = snapshot(named)
    would = run(LONG, check=True)
    made = run(LONG)
    assert made.rc == 0 and made["changed"] and would["diff"] == made["diff"] and snapshot(named) != before
    assert LONG not in made["diff"]["after"].replace(f"altnames {LONG}", "")
    for dev in (LONG, SHORT, "e0"):
        with unchanged(named):
            again = run(dev)
        assert (again.get("msg"), again["changed"]) == (None, False)
    if use not in ("link", "pair", "controller", "document"):
        gone = run(SHORT, state="absent")
        assert gone.rc == 0 and gone["changed"]
        assert use == "ports" or snapshot(named) == before


def test_the_result_has_the_own_name(run_module, named) -> None:
    assert run_module("veth", netns=named, name=LONG)["link"]["name"] == "e0"
    found = run_module("topology", namespaces={named: {"links": [{"name": SHORT}]}})["namespaces"][named]
    assert [link["name"] for link in found["links"]] == ["e0"]


@pytest.mark.parametrize("more", [{}, {"recreate": True}])
def test_a_link_that_is_made_does_not_take_an_alternative_name(more: dict[str, Any], run_module, named) -> None:
    with unchanged(named):
        refused = run_module("bridge", netns=named, name=SHORT, **more)
    assert (
        f"'{SHORT}' is refused: it is an alternative name of e0 in namespace {named}, which is a veth" in refused["msg"]
    )


def test_a_long_name_is_no_name_of_a_new_link(run_module, named) -> None:
    with unchanged(named):
        refused = run_module("bridge", netns=named, name="a-name-of-nobody-yet")
    assert "an interface name has at most 15 bytes" in refused["msg"]


def test_one_interface_by_two_names_is_listed_once(run_module, named) -> None:
    links = [{"name": "e0", "mtu": 1400}, {"name": SHORT, "mtu": 1300}]
    with unchanged(named):
        refused = run_module("topology", namespaces={named: {"links": links}})
    assert "e0" in refused["msg"] and "is listed twice, with mtu 1400 too" in refused["msg"]


def test_alternative_names_are_declared(run_module, named) -> None:
    def names() -> list[str]:
        return sorted(ip_json(named, "link", "show", "e0")[0].get("altnames", []))

    # A link of a kind has exactly those; of any other link, udev's stay.
    assert run_module("topology", namespaces={named: {"links": [{"name": "e0", "altnames": ["more"]}]}})["changed"]
    assert names() == sorted([SHORT, LONG, "more"])
    for wanted in ([SHORT, "other"], ["other"], []):
        assert run_module("veth", netns=named, name="e0", altnames=wanted)["changed"]
        assert names() == wanted
        with unchanged(named):
            assert not run_module("veth", netns=named, name="e0", altnames=wanted)["changed"]
    with unchanged(named):
        for taken in ("e1", "far"):
            refused = run_module("veth", netns=named, name="e0", altnames=[taken])
            assert f"altnames: '{taken}' is refused: it is a name of e1" in refused["msg"]
        refused = run_module("veth", netns=named, name="e0", altnames=["e0", "more"])
        assert "altnames: 'e0' is refused: it is the own name of the interface" in refused["msg"]


def test_the_name_that_a_task_uses_stays(run_module, named) -> None:
    for check in (True, False):
        with unchanged(named):
            refused = run_module("veth", check=check, netns=named, name=SHORT, altnames=["other"])
        assert f"{SHORT}, by which the task finds e0, would be removed" in refused["msg"]
    for changed in (True, False):
        assert run_module("veth", netns=named, name=SHORT, altnames=["other", SHORT])["changed"] is changed


# -- namespaces ----------------------------------------------------------------------------------------


@pytest.fixture
def inhabited(ns) -> Iterator[tuple[str, int]]:
    """A namespace, and a process in it."""
    name = ns()
    with subprocess.Popen(["ip", "netns", "exec", name, "sleep", "infinity"]) as process:
        there = pathlib.Path("/run/netns", name).stat().st_ino
        eventually(lambda: pathlib.Path(f"/proc/{process.pid}/ns/net").stat().st_ino == there)
        yield name, process.pid
        process.kill()


@pytest.mark.parametrize("form", ["{pid}", "/proc/{pid}/ns/net", "/run/netns/{name}"])
def test_a_namespace_is_given_by_path_or_process(form: str, run_module, ns, inhabited) -> None:
    """It is shown as it is given."""
    (name, pid), host = inhabited, ns()
    place = form.format(name=name, pid=pid)
    tasks: list[tuple[str, dict[str, Any]]] = [
        ("bridge", {"name": "br0", "netns": place}),
        ("address", {"dev": "br0", "addresses": ["10.0.0.1/24"], "netns": place}),
        ("veth", {"name": "v0", "netns": host, "peer": {"name": "eth0", "netns": place, "addresses": ["10.1.0.2/24"]}}),
        ("macvlan", {"name": "mv0", "parent": "v0", "parent_netns": host, "netns": place}),
        ("vxlan", {"name": "vx0", "vni": 5, "dev": "br0", "parent_netns": place, "netns": host}),
        ("route", {"routes": [{"dst": "10.9.0.0/16", "via": "10.0.0.9"}], "netns": place}),
    ]
    for module, arguments in tasks:
        done = run_module(module, **arguments)
        assert done.rc == 0 and done["changed"] and place in done["diff"]["after"], done
        with unchanged(name, host):
            assert not run_module(module, **arguments)["changed"]
    links = {link["ifname"] for link in ip_json(name, "link")}
    assert {"br0", "eth0", "mv0"} <= links and run_module("veth", **tasks[2][1])["link"]["peer"]["netns"] == place
    assert [*run_module("topology_info", namespaces=[place])["namespaces"]] == [place]
    for module, arguments in reversed(tasks):
        assert run_module(module, **arguments, state="absent")["changed"]
    assert {link["ifname"] for link in ip_json(name, "link")} == {"lo"}


def test_a_name_comes_before_a_process(run_module, inhabited) -> None:
    """As ip(8) has it; and a namespace that is made has the name."""
    name, pid = inhabited
    with unchanged(name):
        assert run_module("netns", name=str(pid))["changed"]
        assert str(pid) in namespaces()
        assert run_module("bridge", name="br0", netns=str(pid))["changed"]
    assert "br0" in ip(str(pid), "link")
    assert run_module("netns", name=str(pid), state="absent")["changed"]
    assert str(pid) not in namespaces() and pathlib.Path(f"/proc/{pid}").exists()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("4194304", "give a process that runs"),
        ("/proc/4194304/ns/net", "give a process that runs"),
        ("{ended}", "does not exist: give a process that runs"),
        ("/proc/{ended}/ns/net", "does not exist: give a process that runs"),
        ("/proc/{ended}/ns/uts", "does not exist: give a process that runs"),
        ("/proc/self/ns/uts", "is no network namespace: it is a namespace of another type: give the path"),
        ("/proc/self/ns/mnt", "is no network namespace: it is a namespace of another type: give the path"),
        ("/proc/self/ns", "is no network namespace: it is a directory: give the path of a file"),
        ("/run", "is no network namespace: it is a directory: give the path of a file"),
        ("/proc/self/status", "is no network namespace: no namespace is mounted on that file: give the path"),
        ("/etc/passwd", "is no network namespace: no namespace is mounted on that file: give the path"),
        ("/etc/passwd/x", "give the path of a file that a namespace is mounted on"),
        ("/nowhere", "give the path of a file that a namespace is mounted on"),
        ("a/b", "is refused"),
        ("/a\nb", "is refused"),
    ],
)
def test_no_namespace_at_all(place: str, told: str, run_module) -> None:
    with subprocess.Popen(["true"]) as process:
        pass
    place = place.format(ended=process.pid)
    peer = {"name": "x"}
    for module, arguments in (
        ("veth", {"name": "v0", "peer": peer, "netns": place}),
        ("veth", {"name": "v0", "peer": {**peer, "netns": place}}),
        ("masquerade", {"rules": [{"source": "10.0.0.0/8"}], "netns": place}),
        ("topology_info", {"namespaces": [place]}),
    ):
        with Monitor("") as monitor:
            refused = run_module(module, **arguments)
        assert told in refused["msg"] and "\n" not in refused["msg"] and monitor.changes == []


def test_what_is_no_namespace_is_refused_in_check_mode(run_module) -> None:
    """No earlier task makes it one."""
    refused = run_module("dummy", name="d0", netns="/proc/self/ns/uts", check=True)
    assert "it is a namespace of another type" in refused["msg"]
    assert run_module("dummy", name="d0", netns="not-yet", check=True)["changed"]


def test_a_document_outlives_a_process(run_module, inhabited, disk) -> None:
    _name, pid = inhabited
    for place in (str(pid), f"/proc/{pid}/ns/net"):
        link = {"name": "v0", "kind": "veth", "peer": {"name": "eth0", "netns": place}}
        with unchanged(""):
            document = {"topology": {"namespaces": {"": {"links": [link]}}}}
            refused = run_module("host", documents={"test": document})
        assert f"'{place}' is refused: a document outlives a process" in refused["msg"]
