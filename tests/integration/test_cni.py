# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI network configurations: the kernel has what the reference plugins make of them, and addresses go the same way.

The reference is Debian's package containernetworking-plugins, called as the specification says.
"""

from __future__ import annotations

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.cni import (
    ACCEPTED,
    DEFAULT,
    ONE,
    SCOPE,
    SIX,
    SLIDES,
    asked,
    config,
    differences,
    host_local,
    settled,
)

PLUGINS = pathlib.Path("/usr/lib/cni")
PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "cni.md").read_text(encoding="utf-8")

CONFIGS: dict[str, Any] = {
    "slides": SLIDES,
    "bridge": config("bridge", host_local(ONE)),
    "bridge without ipam": config("bridge"),
    "bridge default gateway": config("bridge", host_local(ONE), isDefaultGateway=True),
    "bridge mtu": config("bridge", host_local(ONE), bridge="br9", mtu=1400, isGateway=True),
    **{
        f"bridge {version}": config("bridge", host_local(ONE, routes=[DEFAULT]), isGateway=True)
        | {"cniVersion": version}
        for version in ("0.2.0", "0.3.0", "0.4.0")
    },
    "bridge old version": config("bridge", host_local(ONE), isDefaultGateway=True) | {"cniVersion": "0.3.1"},
    "dual stack": config("bridge", host_local(ONE, SIX), isDefaultGateway=True, ipMasq=True),
    "several ranges": config(
        "bridge",
        host_local([ONE, {"subnet": "10.10.0.0/24"}], {"subnet": "10.11.0.0/24", "rangeStart": "10.11.0.9"}),
    ),
    "routes": config(
        "bridge",
        host_local(
            {**ONE, "gateway": "10.9.0.254", "rangeStart": "10.9.0.20", "rangeEnd": "10.9.0.29"},
            routes=[DEFAULT, {"dst": "192.0.2.0/24", "gw": "10.9.0.7"}],
        ),
        isGateway=True,
        dns={"nameservers": ["10.9.0.1"], "search": ["example.com"]},
    ),
    "ptp resolv.conf": config("ptp", host_local(ONE, resolvConf="/etc/weft-resolv.conf")),
    "bridge hairpin": config("bridge", host_local(ONE), hairpinMode=True),
    "bridge promiscuous": config("bridge", host_local(ONE), promiscMode=True, isGateway=True),
    "bridge force address": config("bridge", host_local(ONE), forceAddress=True, isGateway=True),
    "bridge nothing asked": config("bridge", host_local(ONE), hairpinMode=False, promiscMode=False, vlan=0, mtu=0),
    "ptp": config("ptp", host_local(ONE, routes=[DEFAULT]), ipMasq=True),
    "ptp dual stack": config("ptp", host_local(ONE, SIX, routes=[DEFAULT, {"dst": "::/0"}]), mtu=1400),
    "ptp static": config(
        "ptp",
        {
            "type": "static",
            "addresses": [{"address": "10.9.0.5/24", "gateway": "10.9.0.1"}],
            "dns": {"nameservers": ["10.9.0.1"]},
        },
    ),
    **{
        f"macvlan {mode}": config("macvlan", host_local(ONE, routes=[DEFAULT]), master="eth9", mode=mode)
        for mode in ("bridge", "private", "vepa", "passthru")
    },
    "macvlan by itself": config("macvlan", host_local(SIX), master="eth9"),
    "macvlan mac": config("macvlan", host_local(ONE), master="eth9", mac="02:00:00:00:00:05", mtu=1300),
    "macvlan without ipam": config("macvlan", master="eth9"),
    "host-device": config("host-device", host_local(ONE, routes=[DEFAULT]), device="eth9"),
    "host-device without ipam": config("host-device", device="eth9"),
    "loopback": config("loopback"),
    "ipvlan": config("ipvlan", host_local(ONE, routes=[DEFAULT]), master="eth9"),
    "ipvlan l3": config("ipvlan", host_local(ONE, SIX, routes=[DEFAULT]), master="eth9", mode="l3", mtu=1300),
    "ipvlan l3s": config("ipvlan", host_local(ONE), master="eth9", mode="l3s"),
    "vlan": config("bridge", host_local(ONE), vlan=100),
    "vlan gateway": config("bridge", host_local(ONE), vlan=100, isDefaultGateway=True, ipMasq=True),
    "static": config(
        "bridge",
        {
            "type": "static",
            "addresses": [{"address": "10.9.0.5/24", "gateway": "10.9.0.1"}, {"address": "fd09::5/64"}],
            "routes": [DEFAULT],
        },
        isGateway=True,
    ),
}


# -- two hosts -------------------------------------------------------------------------------------


pytestmark = pytest.mark.usefixtures("disk")


def given(directory: str = "/var/lib/cni/networks/mynet") -> dict[str, str]:
    """The addresses that host-local's files say are given: whose they are."""
    found = pathlib.Path(directory)
    names = [path.name for path in found.iterdir()] if found.exists() else []
    return {name: (found / name).read_bytes().decode() for name in names if re.fullmatch("[0-9.]+|[0-9a-f:]+", name)}


def reference(command: str, network: Any, host: str, pod: str, interface: str = "eth0", container: str = "") -> Any:
    """Call the reference plugin on a host; its result."""
    text = network if isinstance(network, str) else json.dumps(network)
    plugin = json.loads(text)["type"]
    done = subprocess.run(
        ["ip", "netns", "exec", host, PLUGINS / plugin],
        input=text,
        env={
            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin",
            "CNI_COMMAND": command,
            "CNI_CONTAINERID": container or pod,
            "CNI_NETNS": f"/run/netns/{pod}",
            "CNI_IFNAME": interface,
            "CNI_PATH": str(PLUGINS),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


RESOLV_CONF = """
# a comment
; another
nameserver 192.0.2.53
nameserver   2001:db8::53
nameserver
domain example.com
search a.example.com b.example.com
options ndots:2 rotate
sortlist 10.0.0.0
"""
Attach = Callable[..., Any]


@pytest.fixture
def attach(run_module) -> Attach:
    """Run the module in a host's namespace, for one container."""

    def call(network: Any, host: str, pod: str, check: bool = False, state: str = "present", **more: Any) -> Any:
        item = {"netns": pod, "network": network, **more}
        with kernel.inside(host):
            return run_module("cni", check=check, state=state, attachments=[item])

    return call


# -- what the kernel has ---------------------------------------------------------------------------


def told(result: Any) -> Any:
    """A result without what cannot be equal."""
    text = re.sub(r"veth[0-9a-f]{8}", "veth", json.dumps(result))
    text = re.sub(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", "mac", text)
    return json.loads(re.sub(r"/run/netns/[a-z0-9]+", "sandbox", text))


def sysctls(host: str) -> list[str]:
    with kernel.inside(host):
        return [pathlib.Path(f"/proc/sys/net/{path}").read_text() for path in
                ("ipv4/ip_forward", "ipv6/conf/all/forwarding")]  # fmt: skip


def has_vlan_filtering() -> bool:
    command = ["unshare", "--net", "ip", "link", "add", "name", "t0", "type", "bridge", "vlan_filtering", "1"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


ONE_OF_EACH = ("slides", "ptp", "macvlan bridge", "host-device", "loopback", "ipvlan", "static")


def marks(name: str) -> list[pytest.MarkDecorator]:
    """What a configuration needs of the kernel, and whether it is the one of its plugin for an older host."""
    found = [pytest.mark.older_host] if name in ONE_OF_EACH else []
    if name.startswith("vlan"):
        found.append(
            pytest.mark.skipif(not has_vlan_filtering(), reason="this kernel has no VLAN filtering in bridges")
        )
    plugin = name.split()[0]
    if plugin in kernel.LINK_KINDS:
        found.append(pytest.mark.needs_kind(plugin))
    return found


@pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in CONFIGS])
def test_the_kernel_has_what_the_reference_plugin_makes(name: str, attach: Attach, ns) -> None:
    network = CONFIGS[name]
    theirs, their_pod, ours, our_pod = ns(), ns(), ns(), ns()
    pathlib.Path("/etc/weft-resolv.conf").write_text(RESOLV_CONF, encoding="utf-8")
    for host in (theirs, ours):
        kernel.ip(host, "link", "add", "eth9", "address", "02:00:00:00:00:01", "type", "veth", "peer", "name", "far9")
        for link in ("eth9", "far9"):
            kernel.ip(host, "link", "set", link, "up")
    their_result = reference("ADD", network, theirs, their_pod)
    their_addresses = {*given()}
    kernel.run("rm", "-rf", "/var/lib/cni")
    check = attach(network, ours, our_pod, check=True)
    assert given() == {}, "check mode gives nothing"
    done = attach(network, ours, our_pod)
    assert (done.get("msg"), check.get("msg")) == (None, None)
    assert check["diff"] == done["diff"]
    assert told(done["cni"]) == [told(their_result)]
    assert sysctls(ours) == sysctls(theirs)
    assert {*given()} == their_addresses
    assert differences(settled(ours, our_pod), settled(theirs, their_pod)) == ([], [])
    with kernel.Monitor(ours, our_pod) as monitor:
        again = attach(network, ours, our_pod)
    assert (again["changed"], asked(monitor.changes)) == (False, [])
    assert again["cni"] == done["cni"]

    reference("DEL", network, theirs, their_pod)
    attach(network, ours, our_pod, state="absent")
    assert given() == {}
    ours_only, theirs_only = differences(settled(ours, our_pod), settled(theirs, their_pod))
    if name == "loopback":
        assert any(line.startswith(" pod links lo flags: ") for line in ours_only), "it stays up"
    elif name == "bridge mtu":
        assert {line.partition(":")[2] for line in ours_only} == {" 1400"}, "the MTU that was asked for holds"
    else:
        # An interface that went back keeps nothing of where it has been.
        assert (ours_only, [line for line in theirs_only if " ifalias: " not in line]) == ([], [])
    with kernel.Monitor(ours, our_pod) as monitor:
        again = attach(network, ours, our_pod, state="absent")
    assert (again["changed"], monitor.changes) == (False, [])


# -- addresses -------------------------------------------------------------------------------------


def test_both_give_addresses_of_one_network(attach: Attach, ns) -> None:
    """An address that one has given is not given again by the other, and both go round the same way."""
    host = ns()
    pods = [ns() for _number in range(6)]
    ranges = {"subnet": "10.9.0.0/24", "rangeStart": "10.9.0.10", "rangeEnd": "10.9.0.14"}
    network = config("bridge", host_local(ranges), isGateway=True)
    for number, pod in enumerate(pods[:4]):
        if number % 2:
            reference("ADD", network, host, pod)
        else:
            attach(network, host, pod)
    assert given() == {f"10.9.0.{10 + number}": f"{pod}\r\neth0" for number, pod in enumerate(pods[:4])}
    # Either takes away what the other has made.
    reference("DEL", network, host, pods[0])
    assert attach(network, host, pods[1], state="absent")["changed"]
    assert {*given()} == {"10.9.0.12", "10.9.0.13"}
    # Round and round: what was given back last is not given at once.
    assert attach(network, host, pods[4])["cni"][0]["ips"][0]["address"] == "10.9.0.14/24"
    assert reference("ADD", network, host, pods[5])["ips"][0]["address"] == "10.9.0.10/24"
    assert attach(network, host, pods[0])["cni"][0]["ips"][0]["address"] == "10.9.0.11/24"
    before = given()
    for check in (True, False):
        full = attach(network, host, pods[1], check=check)
        assert "network mynet has no address left of 10.9.0.10 to 10.9.0.14" in full["msg"]
    assert given() == before
    assert [link["ifname"] for link in kernel.ip_json(pods[1], "link")] == ["lo"]


def test_a_file_with_the_container_alone(attach: Attach, ns) -> None:
    """As older versions of the plugin wrote it: the interface keeps that address, and its end releases it."""
    host, one = ns(), ns()
    network = config("bridge", host_local(ONE, dataDir="/var/lib/older"))
    attach(network, host, one)
    path = pathlib.Path("/var/lib/older/mynet/10.9.0.2")
    path.write_text(one)
    assert not attach(network, host, one)["changed"]
    attach(network, host, one, state="absent")
    assert not path.exists()


def test_a_data_directory_of_its_own(attach: Attach, ns) -> None:
    host, one, other = ns(), ns(), ns()
    network = config("bridge", host_local(ONE, dataDir="/var/lib/elsewhere"))
    attach(network, host, one)
    reference("ADD", network, host, other)
    found = given("/var/lib/elsewhere/mynet")
    assert found == {"10.9.0.2": f"{one}\r\neth0", "10.9.0.3": f"{other}\r\neth0"}
    assert given() == {}
    attach(network, host, one, state="absent")
    assert {*given("/var/lib/elsewhere/mynet")} == {"10.9.0.3"}


def test_an_address_is_asked_for(attach: Attach, ns) -> None:
    host, one, other = ns(), ns(), ns()
    network = config("bridge", host_local(ONE))
    done = attach(network, host, one, addresses=["10.9.0.77"])
    assert done["cni"][0]["ips"][0]["address"] == "10.9.0.77/24"
    assert not attach(network, host, one, addresses=["10.9.0.77"])["changed"]
    assert (
        f"10.9.0.77 of network mynet belongs to {one} eth0"
        in attach(network, host, other, addresses=["10.9.0.77"])["msg"]
    )
    assert "remove it first" in attach(network, host, one, addresses=["10.9.0.78"])["msg"]
    assert {*given()} == {"10.9.0.77"}


def test_two_runs_at_once_give_no_address_twice(attach: Attach, ns) -> None:
    """Our own and the reference's, all at the same time."""
    host = ns()
    network = config("bridge", host_local(ONE))
    pods = [ns() for _number in range(8)]

    def add(number: int) -> str:
        if number % 2:
            done = reference("ADD", network, host, pods[number])
        else:
            program = (
                "import sys; from ansible_collections.weft.fabric.plugins.module_utils.host import documents, replay; "
                "found = documents.parse('x', {'cni': "
                f"[{{'netns': {pods[number]!r}, 'network': {network!r}}}]}}); "
                "run = replay.Run(documents.values_of({'x': found})); "
                "replay.prepare(run); print(run.documents['x']['cni'][0].addresses[0].address)"
            )
            return kernel.run(sys.executable, "-c", program).strip()
        return str(done["ips"][0]["address"])

    with concurrent.futures.ThreadPoolExecutor(len(pods)) as pool:
        found = list(pool.map(add, range(len(pods))))
    assert sorted(found) == sorted(f"10.9.0.{number}/24" for number in range(2, 10))
    assert sorted(given().values()) == sorted(f"{pod}\r\neth0" for pod in pods)


def test_each_accepted_difference_is_told() -> None:
    assert [words for words in (*ACCEPTED.values(), SCOPE) if words not in PAGE] == []
