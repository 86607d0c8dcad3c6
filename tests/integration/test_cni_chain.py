# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI configuration lists: the distribution's plugins are called as libcni calls them, and not without need."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.cni import execute
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.cni import DEFAULT, ONE, SIX, host_local

pytestmark = pytest.mark.usefixtures("disk")

PLUGINS = pathlib.Path("/usr/lib/cni")
RECORDS = pathlib.Path("/var/lib/cni/results")
BRIDGE = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": host_local(ONE, routes=[DEFAULT])}
PORTS = {"portMappings": [{"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}]}
PORTMAP = {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}}
FIREWALL = {"type": "firewall"}
TUNING = {"type": "tuning", "sysctl": {"net.core.somaxconn": "500"}}
LIMIT = {"type": "bandwidth", "ingressRate": 8_000_000, "ingressBurst": 8_000_000}


def listed(*plugins: dict[str, Any], version: str = "1.0.0", **more: Any) -> dict[str, Any]:
    return {"cniVersion": version, "name": "mynet", "plugins": [BRIDGE, *plugins], **more}


Attach = Callable[..., Any]


@pytest.fixture
def attach(run_module) -> Attach:
    def call(host: str, pod: str, network: Any, check: bool = False, state: str = "present", **more: Any) -> Any:
        with kernel.inside(host):
            return run_module("cni", check=check, state=state, attachments=[{"netns": pod, "network": network, **more}])

    return call


def reference(
    command: str, network: dict[str, Any], host: str, pod: str, runtime: dict[str, Any], result: Any = None
) -> Any:
    """What libcni does with a list.

    :param result: of ADD, for DEL.
    """
    plugins = list(network["plugins"])
    for plugin in plugins if command == "ADD" else reversed(plugins):
        own = {name: runtime[name] for name in plugin.get("capabilities", {}) if name in runtime}
        asked = {**plugin, "name": network["name"], "cniVersion": network["cniVersion"], "runtimeConfig": own}
        environment = {
            **os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin", "CNI_COMMAND": command,
            "CNI_CONTAINERID": pod, "CNI_NETNS": f"/run/netns/{pod}", "CNI_IFNAME": "eth0", "CNI_PATH": str(PLUGINS),
        }  # fmt: skip
        done = subprocess.run(
            ["ip", "netns", "exec", host, str(PLUGINS / plugin["type"])],
            input=json.dumps({**asked, **({"prevResult": result} if result else {})}),
            env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        result = json.loads(done.stdout) if done.stdout.strip() else result
    return result


def made(host: str, pod: str) -> dict[str, str]:
    """What plugins make, without random names."""
    rules = "".join(
        kernel.run("ip", "netns", "exec", host, command, "-t", table)
        for command in ("iptables-save", "ip6tables-save")
        for table in ("nat", "filter")
    )
    shaped = kernel.run("tc", "-n", host, "qdisc", "show")
    sysctls = kernel.run("ip", "netns", "exec", pod, "sysctl", "net.core.somaxconn")
    found = {"rules": rules, "shaped": shaped, "sysctls": sysctls}
    noise = r"veth[0-9a-f]{8}|bwp[0-9a-f]+|# .*|[0-9a-f]{4}: |CNI-[A-Z]+-[0-9a-f]+|" + f"{pod}|\\[\\d+:\\d+\\]"
    return {name: "\n".join(sorted(re.sub(noise, "", text).splitlines())) for name, text in found.items()}


CHAINS: dict[str, tuple[dict[str, Any], ...]] = {
    "portmap": (PORTMAP,),
    "firewall": (FIREWALL,),
    "tuning": (TUNING,),
    "bandwidth": (LIMIT,),
    "all": (TUNING, FIREWALL, PORTMAP, LIMIT),
}


def has_tbf() -> bool:
    script = "ip link set lo up && tc qdisc add dev lo root tbf rate 8mbit burst 8mbit latency 25ms"
    return subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("name", CHAINS)
def test_a_chain_has_what_the_reference_makes(attach: Attach, ns, name: str) -> None:
    if name in ("bandwidth", "all") and not has_tbf():
        pytest.skip("this kernel has no tbf")
    network = listed(*CHAINS[name])
    runtime = PORTS if PORTMAP in CHAINS[name] else {}
    theirs, their_pod, ours, our_pod = ns(), ns(), ns(), ns()
    their_result = reference("ADD", network, theirs, their_pod, runtime)
    wanted = made(theirs, their_pod)
    reference("DEL", network, theirs, their_pod, runtime, their_result)
    emptied = made(theirs, their_pod)
    kernel.run("rm", "-rf", "/var/lib/cni")

    check = attach(ours, our_pod, network, check=True, runtime_config=runtime)
    assert not RECORDS.exists()
    done = attach(ours, our_pod, network, runtime_config=runtime)
    assert (done.get("msg"), check["diff"]) == (None, done["diff"])
    assert made(ours, our_pod) == wanted
    assert [own["address"] for own in done["cni"][0]["ips"]] == [own["address"] for own in their_result["ips"]]
    with kernel.unchanged(ours, our_pod):
        again = attach(ours, our_pod, network, runtime_config=runtime)
    assert (again["changed"], again["cni"]) == (False, done["cni"])
    assert attach(ours, our_pod, network, check=True, state="absent")["changed"]
    assert made(ours, our_pod) == wanted
    gone = attach(ours, our_pod, network, state="absent")
    assert (gone.get("msg"), made(ours, our_pod)["rules"], [*RECORDS.iterdir()]) == (None, emptied["rules"], [])
    assert not attach(ours, our_pod, network, state="absent")["changed"]


def nat(host: str) -> str:
    return kernel.run("ip", "netns", "exec", host, "iptables-save", "-t", "nat")


def test_a_port_of_the_host_leads_to_the_container(attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    attach(host, pod, listed(PORTMAP), runtime_config=PORTS)
    assert "--dport 8080 -j DNAT --to-destination 10.9.0.2:80" in nat(host)
    # Another port in its place: the first one is taken back.
    other = {"portMappings": [{"hostPort": 8081, "containerPort": 80, "protocol": "tcp"}]}
    check = attach(host, pod, listed(PORTMAP), check=True, runtime_config=other)
    done = attach(host, pod, listed(PORTMAP), runtime_config=other)
    assert check["diff"] == done["diff"]
    assert "--dport 8081" in nat(host) and "--dport 8080" not in nat(host)
    # A plugin less.
    assert attach(host, pod, listed())["changed"]
    assert "--dport" not in nat(host)
    assert not attach(host, pod, listed())["changed"]


def test_what_is_lost_is_made_again(attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    network = listed(FIREWALL)
    attach(host, pod, network)
    before = made(host, pod)
    kernel.run("ip", "netns", "exec", host, "iptables", "-F")
    assert made(host, pod) != before
    check = attach(host, pod, network, check=True)
    done = attach(host, pod, network)
    assert (check["changed"], done["changed"], made(host, pod)) == (True, True, before)
    # With disableCheck nobody asks.
    attach(host, pod, {**network, "disableCheck": True})
    kernel.run("ip", "netns", "exec", host, "iptables", "-F")
    assert not attach(host, pod, {**network, "disableCheck": True})["changed"]


FAKE = """#!/bin/sh
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS" >>{log}
cat >>{log}; echo >>{log}
[ "$CNI_COMMAND" != {fails} ] && exit 0
echo '{{"cniVersion": "1.0.0", "code": {code}, "msg": "no luck", "details": "none"}}'
exit 1
"""


@pytest.fixture
def fake(tmp_path: pathlib.Path) -> Callable[..., pathlib.Path]:
    """A plugin of that name among the distribution's; what it is asked goes to a log."""
    (tmp_path / "bin").mkdir()
    log = tmp_path / "log"

    def make(name: str, fails: str = "nothing", code: int = 999) -> pathlib.Path:
        path = pathlib.Path("/var/lib/plugins") / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(FAKE.format(log=log, fails=fails, code=code), encoding="utf-8")
        path.chmod(0o755)
        return log

    return make


@pytest.fixture
def fakes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "PATH", ("/var/lib/plugins", *execute.PATH))


def calls(log: pathlib.Path) -> list[str]:
    return [line.split()[0] for line in log.read_text(encoding="utf-8").splitlines() if line and line[0] in "ACD"]


def test_an_error_of_a_plugin_is_one_line_and_all_are_taken_back(ns, fake, fakes, monkeypatch) -> None:
    host, pod = ns(), ns()
    fake("one")
    log = fake("two", fails="ADD", code=11)
    item = converged(host, pod, listed({"type": "one"}, {"type": "two"}))
    assert item.endswith(f"network.plugins[2]: plugin two refuses to ADD eth0 of {pod}: no luck: none; run again")
    assert calls(log) == ["ADD", "ADD", "DEL", "DEL"]
    assert not [*RECORDS.iterdir()]


def converged(host: str, pod: str, network: dict[str, Any]) -> str:
    """The chain alone, in this process; the message of a refusal."""
    from ansible_collections.weft.fabric.plugins.module_utils.cni.attachments import attachments_of
    from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError

    items = attachments_of("attachments", [{"netns": pod, "network": network, "runtime_config": {}}])
    with kernel.inside(host):
        try:
            execute.converge(items, [{"cniVersion": "1.0.0", "dns": {}}], (), check=False)
        except FabricError as error:
            return str(error)
    return ""


def test_a_plugin_gets_what_the_specification_says(ns, fake, fakes) -> None:
    host, pod = ns(), ns()
    log = fake("one")
    assert converged(host, pod, listed({"type": "one", "key": {"a": [1]}, "runtimeConfig": {"x": 1}})) == ""
    said = log.read_text(encoding="utf-8").splitlines()
    assert said[0] == f"ADD {pod} eth0 /run/netns/{pod}"
    assert json.loads(said[1]) == {
        "type": "one", "key": {"a": [1]}, "runtimeConfig": {"x": 1}, "name": "mynet", "cniVersion": "1.0.0",
        "prevResult": {"cniVersion": "1.0.0", "dns": {}},
    }  # fmt: skip
    assert calls(log) == ["ADD", "CHECK"]
    assert converged(host, pod, listed({"type": "one", "key": {"a": [1]}, "runtimeConfig": {"x": 1}})) == ""
    assert calls(log) == ["ADD", "CHECK", "CHECK"]


def test_a_plugin_whose_check_never_holds_is_not_asked_again(ns, fake, fakes) -> None:
    host, pod = ns(), ns()
    log = fake("one", fails="CHECK")
    for _round in range(3):
        assert converged(host, pod, listed({"type": "one"})) == ""
    assert calls(log) == ["ADD", "CHECK"]


def test_an_interrupted_run_is_taken_back_first(ns, fake, fakes, monkeypatch) -> None:
    host, pod = ns(), ns()
    log = fake("one")
    monkeypatch.setattr(execute, "_holds", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        converged(host, pod, listed({"type": "one"}))
    monkeypatch.undo()
    monkeypatch.setattr(execute, "PATH", ("/var/lib/plugins", *execute.PATH))
    assert converged(host, pod, listed({"type": "one"})) == ""
    assert calls(log) == ["ADD", "DEL", "ADD", "CHECK"]


@pytest.mark.parametrize(
    ("network", "more", "named"),
    [
        (listed({"type": "nosuch"}), {}, "network.plugins[1].type: 'nosuch' is refused: it is in none of /usr/lib/cni"),
        (listed(PORTMAP), {"runtime_config": {"bandwidth": {}}}, "runtime_config.bandwidth: {} is refused: no plugin"),
        (listed(FIREWALL, version="0.2.0"), {}, "several plugins need 0.3.0"),
        (listed({**PORTMAP, "capabilities": {"portMappings": "often"}}), {}, "capabilities.portMappings: 'often'"),
    ],
)
def test_refused(attach: Attach, ns, network: Any, more: dict[str, Any], named: str) -> None:
    host, pod = ns(), ns()
    with kernel.Monitor(host, pod) as monitor:
        for check in (True, False):
            assert named in attach(host, pod, network, check=check, **more)["msg"]
    assert (monitor.changes, RECORDS.exists()) == ([], False)


MAC, OTHER_MAC = "02:00:00:00:00:99", "02:00:00:00:00:01"
TAKES = {"capabilities": {"mac": True, "ips": True}}


@pytest.mark.parametrize(
    ("keys", "more"),
    [
        ({"args": {"cni": {"mac": MAC, "ips": ["10.9.0.55"]}}}, {}),
        ({"runtimeConfig": {"mac": MAC, "ips": ["10.9.0.55"]}}, {}),
        (TAKES, {"runtime_config": {"mac": MAC, "ips": ["10.9.0.55/24"]}}),
        (
            {**TAKES, "args": {"cni": {"mac": "02:00:00:00:00:01"}}},
            {"runtime_config": {"mac": MAC, "ips": ["10.9.0.55"]}},
        ),
    ],
    ids=["args", "runtimeConfig", "capabilities", "capabilities before args"],
)
def test_the_runtime_gives_a_mac_address_and_an_address(attach: Attach, ns, keys, more) -> None:
    host, pod = ns(), ns()
    network = {"cniVersion": "1.0.0", "name": "mynet", **BRIDGE, **keys}
    done = attach(host, pod, network, **more)
    assert done.get("msg") is None
    (link,) = kernel.ip_json(pod, "address", "show", "eth0")
    assert link["address"] == MAC
    assert [own["local"] for own in link["addr_info"] if own["family"] == "inet"] == ["10.9.0.55"]
    assert not attach(host, pod, network, **more)["changed"]


def test_static_addresses_are_replaced_by_the_runtimes(attach: Attach, ns) -> None:
    host, pod = ns(), ns()
    ipam = {"type": "static", "addresses": [{"address": "10.9.0.5/24", "gateway": "10.9.0.1"}]}
    network = {"cniVersion": "1.0.0", "name": "mynet", **BRIDGE, "ipam": ipam, "capabilities": {"ips": True}}
    done = attach(host, pod, network, runtime_config={"ips": ["10.9.0.6/24", "fd09::6/64"]})
    assert [own["address"] for own in done["cni"][0]["ips"]] == ["10.9.0.6/24", "fd09::6/64"]


def test_host_bits_in_the_destination_of_a_route(attach: Attach, ns) -> None:
    """The kernel masks those of IPv6, and refuses those of IPv4."""
    host, pod = ns(), ns()
    ipam = host_local(ONE, SIX, routes=[{"dst": "1100:200::1/24"}])
    network = {"cniVersion": "1.0.0", "name": "mynet", **BRIDGE, "ipam": ipam}
    assert attach(host, pod, network).get("msg") is None
    assert "1100:200::/24" in [route["dst"] for route in kernel.ip_json(pod, "-6", "route")]
    assert not attach(host, pod, network)["changed"]
    wrong = {**network, "ipam": host_local(ONE, routes=[{"dst": "10.5.0.1/16"}])}
    assert "did you mean 10.5.0.0/16?" in attach(host, pod, wrong)["msg"]
