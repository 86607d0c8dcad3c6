# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod that is connected by something else than before: the host then is as if it had never been otherwise."""

from __future__ import annotations

import contextlib
import itertools
import json
import pathlib
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.probe import echo_server
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.cni import ONE, asked, config, host_local
from ansible_collections.weft.fabric.tests.overlays import overlays_of, pods_document

pytestmark = pytest.mark.usefixtures("disk")

OVERLAYS = overlays_of({"network-1": {"number": 0, "address": "192.168.1.138", "dev": "enp1s0"}})
POD, BESIDE = "change1", "change2"
NETWORKS = pathlib.Path("/var/lib/cni/networks")

UNDERLAY = {"parent": "enp1s0", "subnet": "192.168.1.0/24", "gateway": "192.168.1.213"}
WAYS: dict[str, dict[str, Any]] = {
    "bridge": {"address": "172.2.0.2", "network": {"driver": "bridge"}},
    "bridge by other names": {
        "address": "172.2.0.2",
        "interface": "net0",
        "host_interface": "out0",
        "network": {"driver": "bridge"},
    },
    "ptp": {"address": "172.2.0.2", "network": {"driver": "ptp"}},
    "macvlan": {"address": "192.168.1.31", "network": {"driver": "macvlan", **UNDERLAY}},
    "macvlan by another name": {
        "address": "192.168.1.31",
        "interface": "net0",
        "network": {"driver": "macvlan", **UNDERLAY, "mode": "passthru"},
    },
    "macvlan elsewhere": {"address": "192.168.1.31", "network": {"driver": "macvlan", **UNDERLAY, "parent": "eth8"}},
    "ipvlan": {"address": "192.168.1.31", "network": {"driver": "ipvlan", **UNDERLAY}},
    "fan": {
        "address": "10.1.138.2",
        "network": {"driver": "fan", "underlay": "192.168.0.0/16", "overlay": "10.0.0.0/8"},
    },
    "none": {"network": {"driver": "none"}},
    "host": {"network": {"driver": "host"}},
    "container": {"network": {"driver": "container", "container": BESIDE}},
    **{
        f"cni {name}": {"network": {"driver": "cni", "config": found}}
        for name, found in {
            "bridge": config("bridge", host_local(ONE), isDefaultGateway=True, ipMasq=True),
            "bridge of other addresses": config(
                "bridge", host_local({"subnet": "10.10.0.0/24"}), bridge="cni1", isGateway=True
            ),
            "ptp of another network": config("ptp", host_local(ONE), ipMasq=True) | {"name": "other"},
            "macvlan": config("macvlan", host_local(ONE), master="enp1s0"),
            "passthru": config("macvlan", host_local(ONE), master="enp1s0", mode="passthru"),
            "host-device": config("host-device", host_local(ONE), device="eth9"),
        }.items()
    },
}
MARKS = {"ipvlan": pytest.mark.needs_kind("ipvlan"), "fan": pytest.mark.needs_kind("ipip")}


def document(way: str) -> dict[str, Any]:
    """What the role pods makes of a pod that is connected this way, beside one that stays as it is."""
    listed = [{"name": POD, **WAYS[way]}] if way else []
    listed.append({"name": BESIDE, "network": {"driver": "none"}})
    # Bridges are there only where a pod needs them.
    return pods_document(listed, OVERLAYS, "network-1", {"driver": "none"})


@contextlib.contextmanager
def host(run_module) -> Iterator[tuple[str, Any]]:
    """A namespace for a host with interfaces, and what connects the pod some way."""
    with kernel.new_namespace() as place:
        kernel.ip_batch(
            place,
            *(f"link add {name} type veth peer name far-{name}" for name in ("enp1s0", "eth8", "eth9", "vxlan0")),
            "link set vxlan0 mtu 1450",
            "address add 192.168.1.138/24 dev enp1s0",
            *(f"link set {name} up" for name in ("enp1s0", "eth8")),
        )

        def connect(way: str, check: bool = False) -> Any:
            with kernel.inside(place):
                done = run_module("host", documents={"pods": document(way)}, check=check)
            assert "msg" not in done, done
            return done

        try:
            yield place, connect
        finally:
            with kernel.inside(place):
                run_module("echo_server", namespaces=[POD, BESIDE], state="absent")
            for name in {POD, BESIDE} & kernel.namespaces():
                kernel.ip("", "netns", "delete", name)
            kernel.run("rm", "-rf", "/etc/weft", str(NETWORKS))


def _told(namespace: str) -> Any:
    links, routes = kernel.ip_json_batch(namespace, "address", kernel.ALL_ROUTES)
    own = [address for link in links for address in _addresses(link)]
    return {
        "links": sorted(
            [
                link["ifname"],
                link.get("linkinfo", {}).get("info_kind"),
                link.get("master"),
                link["mtu"],
                link.get("ifalias"),
            ]
            for link in links
        ),
        "addresses": sorted(own),
        "routes": sorted(
            json.dumps({key: route.get(key) for key in ("dst", "gateway", "dev", "prefsrc")})
            for route in routes
            if route["table"] == "main" and not route["dst"].startswith("fe80:")
        ),
    }


def _addresses(link: Any) -> list[str]:
    found = [f"{link['ifname']} {own['local']}/{own['prefixlen']}" for own in link["addr_info"]]
    return [text for text in found if " fe80:" not in text]


def state(place: str) -> Any:
    """All that a pod's connection consists of."""
    with kernel.inside(place):
        rules = kernel.ruleset()
    given = {str(path.relative_to(NETWORKS)) for path in NETWORKS.glob("*/[0-9]*.*.*")}
    there = sorted({POD, BESIDE} & kernel.namespaces())
    servers = [_servers(name) for name in there]
    inside = {name: _told(name) for name in there}
    return {"host": _told(place), "pods": inside, "rules": rules, "given": sorted(given), "servers": servers}


def _servers(namespace: str) -> int:
    """How many echo servers run there; a module that has just answered may still be on its way out."""
    found = 0
    for pid in kernel.ip("", "netns", "pids", namespace).split():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += echo_server.MARK in pathlib.Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8")
    return found


@pytest.fixture(scope="module")
def fresh() -> dict[str, Any]:
    """By way, what a host has that was never otherwise."""
    return {}


DRIVERS = ("bridge", "ptp", "macvlan", "ipvlan", "fan", "none", "host", "container", "cni bridge", "cni host-device")
# One driver, and something else about it.
WITHIN = [
    ("bridge", "bridge by other names"),
    ("macvlan", "macvlan by another name"),
    ("macvlan", "macvlan elsewhere"),
    ("macvlan", "cni macvlan"),
    ("bridge by other names", "none"),
    ("macvlan by another name", "bridge"),
    ("cni bridge", "cni bridge of other addresses"),
    ("cni bridge", "cni ptp of another network"),
    ("cni ptp of another network", "cni macvlan"),
]
PAIRS = [
    pytest.param(one, other, marks=[MARKS[way] for way in (one, other) if way in MARKS])
    for one, other in [*itertools.combinations(DRIVERS, 2), *WITHIN]
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_as_if_it_had_never_been_otherwise(one: str, other: str, run_module, fresh: dict[str, Any]) -> None:
    """From one to the other, and back."""
    for way in {one, other} - fresh.keys():
        with host(run_module) as (place, connect):
            connect(way)
            fresh[way] = state(place)
    with host(run_module) as (place, connect):
        connect(one)
        before = state(place)
        for new in (other, one):
            check = connect(new, check=True)
            assert state(place) == before
            done = connect(new)
            assert check["diff"] == done["diff"]
            found = state(place)
            assert found == fresh[new]
            with kernel.Monitor(place, POD) as monitor:
                assert not connect(new)["changed"]
            assert asked(monitor.changes) == []
            before = found
            # In a network that the pod has left, host-local would give it the next address when it comes back.
            for last in NETWORKS.glob("*/last_reserved_ip.*"):
                if not any(last.parent.glob("[0-9]*.*.*")):
                    last.unlink()


@pytest.mark.parametrize(
    "way",
    [
        "macvlan",
        "macvlan by another name",
        pytest.param("ipvlan", marks=MARKS["ipvlan"]),
        "cni macvlan",
        "cni passthru",
    ],
)
def test_the_interface_that_a_pod_sits_on_keeps_its_mac_address(way: str, run_module) -> None:
    """In mode passthru, the address of the pod's interface is that of the host's."""
    with host(run_module) as (place, connect):
        before = kernel.ip_json(place, "link", "show", "enp1s0")[0]["address"]
        connect(way)
        assert kernel.ip_json(place, "link", "show", "enp1s0")[0]["address"] == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("bridge", "macvlan"),
        ("bridge", "cni bridge"),
        ("bridge", "container"),
        ("container", "bridge"),
        ("cni bridge", "cni ptp of another network"),
        ("cni bridge", "none"),
        ("cni host-device", "bridge"),
        ("cni host-device", "container"),
    ],
)
def test_a_run_that_is_killed_before_its_end_is_gone_on_with(old: str, new: str, run_module) -> None:
    record = pathlib.Path("/etc/weft")
    with host(run_module) as (place, connect):
        assert connect(old)["generation"] == 1
        assert connect(new)["generation"] == 2
        found = state(place)
        for name, number in (("pending", 2), ("current", 1), ("confirmed", 1)):
            (record / name).unlink(missing_ok=True)
            (record / name).symlink_to(f"generations/{number}")
        assert connect(new)["generation"] == 3
        assert state(place) == found
        assert not connect(new)["changed"]


@pytest.mark.parametrize("old", [pytest.param(way, marks=[MARKS[way]] if way in MARKS else []) for way in DRIVERS])
def test_a_pod_that_is_not_listed_any_more(old: str, run_module, fresh: dict[str, Any]) -> None:
    if "" not in fresh:
        with host(run_module) as (place, connect):
            connect("")
            fresh[""] = state(place)
    with host(run_module) as (place, connect):
        connect(old)
        before = state(place)
        check = connect("", check=True)
        assert state(place) == before
        done = connect("")
        assert check["diff"] == done["diff"]
        assert state(place) == fresh[""]
        with kernel.Monitor(place) as monitor:
            assert not connect("")["changed"]
        assert asked(monitor.changes) == []
