# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Beside firewalld and Docker: what their reloads and restarts leave of the fabric.

firewalld is Debian's, on a bus of its own. dockerd needs more than a lab has, so its rules are those that versions
20.10 and 28 write. What systemd does, restarts of nftables for example, is in molecule/survive.
"""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Fabric

ROOT = pathlib.Path(__file__).parents[4]
HOST = "network-1"
NICS = ("enp1s0", "vxlan0", "br0")
PROVED = "14 of 14 pairs hold, 0 fail"

# What dockerd writes when it starts. Of DOCKER-USER, which it leaves to the host's owner, it only makes the chain.
CHAINS = {
    "20.10": """
        :DOCKER-ISOLATION-STAGE-1 - [0:0]
        :DOCKER-ISOLATION-STAGE-2 - [0:0]
        -A FORWARD -j DOCKER-USER
        -A FORWARD -j DOCKER-ISOLATION-STAGE-1
        -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A FORWARD -o docker0 -j DOCKER
        -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
        -A FORWARD -i docker0 -o docker0 -j ACCEPT
        -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
        -A DOCKER-ISOLATION-STAGE-1 -j RETURN
        -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
        -A DOCKER-ISOLATION-STAGE-2 -j RETURN""",
    "28": """
        :DOCKER-BRIDGE - [0:0]
        :DOCKER-CT - [0:0]
        :DOCKER-FORWARD - [0:0]
        :DOCKER-ISOLATION-STAGE-1 - [0:0]
        :DOCKER-ISOLATION-STAGE-2 - [0:0]
        -A FORWARD -j DOCKER-USER
        -A FORWARD -j DOCKER-FORWARD
        -A DOCKER ! -i docker0 -o docker0 -j DROP
        -A DOCKER-BRIDGE -o docker0 -j DOCKER
        -A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
        -A DOCKER-FORWARD -j DOCKER-CT
        -A DOCKER-FORWARD -j DOCKER-ISOLATION-STAGE-1
        -A DOCKER-FORWARD -j DOCKER-BRIDGE
        -A DOCKER-FORWARD -i docker0 -j ACCEPT
        -A DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
        -A DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP""",
}
DOCKER = """
*filter
:FORWARD DROP [0:0]
:DOCKER - [0:0]
{chains}
COMMIT
*nat
:DOCKER - [0:0]
-F PREROUTING
-F POSTROUTING
-F OUTPUT
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
-A DOCKER -i docker0 -j RETURN
COMMIT
"""
FLUSH = "iptables-nft -w -N DOCKER-USER 2>/dev/null || :; iptables-nft -w -F FORWARD"
GONE = "iptables-nft -P FORWARD ACCEPT; nft delete table ip filter; nft delete table ip nat"


def start_docker(fabric: Fabric, version: str) -> None:
    """What dockerd does to the rules of a host when it starts, also when it starts again."""
    lines = "\n".join(line.strip() for line in CHAINS[version].strip().splitlines())
    fabric.node(HOST, "sh", "-c", FLUSH)
    restore = [*lab.enter(fabric.lab, HOST), "iptables-nft-restore", "--noflush"]
    subprocess.run(restore, input=DOCKER.format(chains=lines), text=True, check=True)


@pytest.mark.parametrize("version", CHAINS)
def test_docker(shared: Fabric, version: str) -> None:
    """It closes forwarding. Once DOCKER-USER lets the fabric through, its restarts take nothing from the fabric."""
    try:
        start_docker(shared, version)
        proof = shared.play("verify")
        assert proof.rc == 2
        assert proof.text.count(f"{HOST}: table ip filter, chain FORWARD, drops\n") == 1, proof.text
        for name in NICS:
            for way in ("-i", "-o"):
                shared.node(HOST, "iptables-nft", "-I", "DOCKER-USER", way, name, "-j", "ACCEPT")
        assert PROVED in shared.ok("verify").text
        start_docker(shared, version)
        assert shared.node(HOST, "weft-fabric", "diff") == ""
        assert PROVED in shared.ok("verify").text
    finally:
        shared.node(HOST, "sh", "-c", GONE)


def test_the_ruleset_is_flushed(shared: Fabric) -> None:
    """The next run restores it, on the host or from the controller; and others' tables are not touched by that."""
    for host in ("router", HOST):
        shared.node(host, "nft", "flush ruleset")
        shared.node(host, "nft", "add table inet others")
    drift = shared.node("router", "sh", "-c", "weft-fabric diff || [ $? = 2 ]")
    assert "masquerade: + table inet weft" in drift
    assert shared.node("router", "weft-fabric", "apply") == drift
    shared.ok("site", "--skip-tags", "verify")
    for host in ("router", HOST):
        assert shared.node(host, "weft-fabric", "diff") == ""
        assert "table inet others" in shared.node(host, "nft", "list", "tables")
        shared.node(host, "nft", "delete table inet others")
    assert PROVED in shared.ok("verify").text


# -- firewalld -------------------------------------------------------------------------------------

BUS = """
<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>
"""
PREPARE = """
cp -a "$1/etc/firewalld" /etc/
mount -t overlay -o "lowerdir=$1/usr/lib:/usr/lib" overlay /usr/lib
mkdir -p /run/dbus
"""
END = """
umount --lazy /usr/lib
rm -r /etc/firewalld /run/dbus
nft delete table inet firewalld 2>/dev/null || :
"""


def succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def firewalld(fabric: Fabric) -> Iterator[list[str]]:
    """A node with firewalld, for the length of the block; the words before those of firewall-cmd."""
    root = kernel.run(str(ROOT / "tools" / "firewalld.sh")).strip()
    bus = fabric.home / "bus.conf"
    bus.write_text(BUS, encoding="utf-8")
    socket = "DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/system_bus_socket"
    python = ["env", socket, f"PYTHONPATH={root}/usr/lib/python3/dist-packages", "/usr/bin/python3"]
    client = [*python, f"{root}/usr/bin/firewall-cmd"]
    node = lab.enter(fabric.lab, HOST)
    daemons = (
        (["dbus-daemon", f"--config-file={bus}", "--nofork"], "test -S /run/dbus/system_bus_socket"),
        ([*python, f"{root}/usr/sbin/firewalld", "--nofork", "--nopid"], f"{' '.join(client)} --state"),
    )
    fabric.node(HOST, "sh", "-ec", PREPARE, "sh", root)
    with contextlib.ExitStack() as stack:
        stack.callback(fabric.node, HOST, "sh", "-c", END)
        for command, is_there in daemons:
            daemon = stack.enter_context(subprocess.Popen([*node, *command]))
            stack.callback(daemon.terminate)
            asked = [*node, "sh", "-c", is_there]
            kernel.eventually(
                lambda asked=asked: not subprocess.run(asked, capture_output=True, check=False).returncode
            )
        yield client


def test_firewalld(shared: Fabric) -> None:
    """It closes forwarding. In a zone that accepts, its reloads and restarts take nothing from the fabric."""
    before = shared.state(HOST)
    with firewalld(shared) as client:
        proof = shared.play("verify")
        assert proof.rc == 2 and f"{HOST}: " in proof.text and "firewalld" in proof.text, proof.text
        for name in NICS:
            shared.node(HOST, *client, "--permanent", "--zone=trusted", f"--add-interface={name}")
        for reload in ("--reload", "--complete-reload"):
            shared.node(HOST, *client, reload)
            assert shared.node(HOST, "weft-fabric", "diff") == ""
            assert PROVED in shared.ok("verify").text
    assert shared.state(HOST) ^ before == set()
