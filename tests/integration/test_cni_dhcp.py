# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI networks whose addresses come from a DHCP server, by the distribution's plugin and its daemon."""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.cni import config

pytestmark = pytest.mark.usefixtures("disk")

LEASES = pathlib.Path("/var/lib/cni/leases")

Attach = Callable[..., Any]


@contextlib.contextmanager
def process(*command: str, ready: Callable[[], bool]) -> Iterator[None]:
    """A server for the length of the block."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            limit = time.monotonic() + 10
            while not ready():
                assert server.poll() is None and time.monotonic() < limit, command
                os.sched_yield()
            yield
        finally:
            server.terminate()


@pytest.fixture
def network(ns, tmp_path: pathlib.Path) -> Iterator[tuple[str, dict[str, Any], pathlib.Path]]:
    """A host with a bridge, a DHCP server on it, and the plugin's daemon; the network, and the server's leases."""
    host = ns()
    kernel.ip(host, "link", "add", "br7", "type", "bridge")
    kernel.ip(host, "address", "add", "10.7.0.1/24", "dev", "br7")
    kernel.ip(host, "link", "set", "br7", "up")
    path, leases, pid = tmp_path / "dhcp.sock", tmp_path / "leases", tmp_path / "pid"
    server = ("ip", "netns", "exec", host, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0",
              "--no-ping", "--interface=br7", "--bind-interfaces", "--dhcp-range=10.7.0.50,10.7.0.60,1h",
              f"--pid-file={pid}", "--dhcp-authoritative", f"--dhcp-leasefile={leases}", "--user=root")  # fmt: skip
    daemon = ("/usr/lib/cni/dhcp", "daemon", "-socketpath", str(path), "-broadcast")
    ipam = {"type": "dhcp", "daemonSocketPath": str(path)}
    with process(*server, ready=pid.exists), process(*daemon, ready=path.exists):
        yield host, config("bridge", ipam, bridge="br7"), leases


@pytest.fixture
def attach(run_module) -> Attach:
    def call(host: str, pod: str, network: dict[str, Any], **more: Any) -> Any:
        with kernel.inside(host):
            return run_module("cni", attachments=[{"netns": pod, "network": network}], **more)

    return call


def addresses(pod: str) -> list[str]:
    (link,) = kernel.ip_json(pod, "-4", "address", "show", "eth0")
    return [f"{own['local']}/{own['prefixlen']}" for own in link["addr_info"]]


def test_life_of_a_lease(attach: Attach, ns, network) -> None:
    host, wanted, leases = network
    pod = ns()
    would = attach(host, pod, wanted, check=True)
    assert would["changed"] and not LEASES.exists()
    done = attach(host, pod, wanted)
    assert done.get("msg") is None
    (address,) = addresses(pod)
    assert address.startswith("10.7.0.") and address.partition("/")[0] in leases.read_text(encoding="utf-8")
    assert [own["address"] for own in done["cni"][0]["ips"]] == [address]
    assert [route["gateway"] for route in kernel.ip_json(pod, "route", "show", "default")] == ["10.7.0.1"]
    with kernel.unchanged(pod):
        again = attach(host, pod, wanted)
    assert (again["changed"], again["cni"]) == (False, done["cni"])

    # An interface that is lost comes back with the same MAC address, so with the same lease.
    kernel.ip(pod, "link", "delete", "eth0")
    assert attach(host, pod, wanted)["changed"]
    assert addresses(pod) == [address]
    assert not attach(host, pod, wanted)["changed"]

    assert attach(host, pod, wanted, check=True, state="absent")["changed"]
    assert addresses(pod) == [address]
    assert attach(host, pod, wanted, state="absent")["changed"]
    assert [*LEASES.iterdir()] == []
    assert not attach(host, pod, wanted, state="absent")["changed"]


def test_a_daemon_that_does_not_run(attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    wanted = config("bridge", {"type": "dhcp", "daemonSocketPath": "/nowhere/dhcp.sock"}, bridge="br7")
    message = attach(host, pod, wanted)["msg"]
    assert message.startswith("attachments[0].network.ipam: plugin dhcp refuses to ADD eth0")
    assert "/nowhere/dhcp.sock" in message and "\n" not in message
