# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host says about itself: status, history, holds and the last error."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import time
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import archive
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    COMMAND,
    DOCUMENT,
    NEW,
    OLD,
    command,
    succeed,
    tree,
)

HELD = "this host is on hold: 'weft-fabric hold off' ends that"


def read(run_module) -> dict[str, Any]:
    """What the module returns, which is what the command prints."""
    found = run_module("host_info")
    assert found.rc == 0, found
    printed = json.loads(command("status", "--json").stdout)
    for name in ("age", "seconds_left"):
        assert found.pop(name) is not None or printed.pop(name) is None
        printed.pop(name, None)
    for name in ("changed", "invocation", "ansible_facts"):
        found.pop(name, None)
    assert {name: found.get(name) for name in printed} == printed
    return printed


def test_a_host_without_documents(run_module) -> None:
    found = run_module("host_info")
    assert (found["generation"], found["revision"], found["confirmed"]) == (0, "", True)
    assert (found["drift"], found["orphans"], found["hold"], found["last_error"]) == ([], [], False, None)


def test_the_status_of_a_host(run_module) -> None:
    started = int(time.time())
    run_module("host", documents={"pods": OLD}, revision="first")
    found = read(run_module)
    assert (found["generation"], found["revision"], found["roles"], found["controller"]) == (1, "first", ["pods"], "")
    assert (found["confirmed"], found["interrupted"], found["drift"], found["orphans"]) == (True, False, [], [])
    assert started <= found["time"] <= time.time()
    assert found["versions"]["generation"] == found["versions"]["engine"] == archive.version()
    lines = succeed("status").splitlines()
    assert lines[0].split() == ["generation", "1,", "confirmed"] and lines[1].split() == ["revision", "first"]

    kernel.ip("", "link", "set", "vxlan0", "mtu", "1300")
    with kernel.unchanged("", "pod1"):
        drifted = command("status")
    assert drifted.returncode == 2
    lines = ["pods: - link vxlan0 mtu 1300", "pods: + link vxlan0 mtu 1400"]
    assert f"drift       {lines[0]}\n            {lines[1]}\n" in drifted.stdout
    assert read(run_module)["drift"] == lines
    succeed("apply")

    run_module("host", documents={"pods": NEW}, revision="second", confirm=300)
    found = read(run_module)
    assert (found["generation"], found["confirmed"], found["interrupted"]) == (2, False, False)
    assert "generation  2, not confirmed: the host goes back in 29" in succeed("status")
    assert json.loads(succeed("rollback", "--json")) == {"changed": True, "generation": 3, "revision": "first"}
    run_module("host", documents={"pods": {}}, state="absent")


def test_the_hosts_that_a_host_has_entries_of(run_module) -> None:
    run_module("host", documents={"pods": {**OLD, "peers": ["network-2", "network-3"]}})
    assert read(run_module)["peers"] == ["network-2", "network-3"]
    changed = run_module("host", documents={"pods": {**OLD, "peers": ["network-2"]}}, confirm=300)
    assert (changed["count"], changed["peers"]) == (dict.fromkeys(changed["count"], 0), ["network-2", "network-3"])
    assert read(run_module)["peers"] == ["network-2", "network-3"], "the host may still go back"
    succeed("confirm")
    assert read(run_module)["peers"] == ["network-2"]
    wrong = run_module("host", documents={"pods": {**OLD, "peers": "network-2"}})
    assert "documents.pods.peers: 'network-2' is refused" in wrong["msg"]
    run_module("host", documents={"pods": {}}, state="absent")


def test_it_is_one_screen(run_module) -> None:
    """Of a lot of drift and orphans, the first lines are shown, and everything else."""
    run_module("host", documents={"pods": OLD}, revision="first")
    for number in range(20):
        kernel.ip("", "route", "add", f"10.77.{number}.0/24", "dev", "br0", "proto", "119")
        kernel.ip("", "address", "add", f"10.78.{number}.1/24", "dev", "vxlan0")
    assert run_module("host", documents={"overlay": {"nothing": 1}}).rc == 1
    succeed("hold")
    shown = command("status").stdout.splitlines()
    succeed("hold", "off")
    assert len(shown) <= 24, shown
    heads = [line.split("  ")[0] for line in shown if line[:1].isalpha()]
    assert heads == ["generation", "revision", "made", "roles", "drift", "orphans", "hold", "last error", "versions"]
    assert re.fullmatch(r"made +20\S+ \S+ \S+ \(\d+ s ago\) by this host itself", shown[2])
    assert "documents.overlay.nothing: 1 is refused" in shown[-2]
    assert len([line for line in shown if line.strip().startswith("and ") and "more: weft-fabric status" in line]) == 2
    run_module("host", documents={"pods": {}}, state="absent")
    kernel.ip("", "route", "flush", "proto", "119")


def test_a_removal_that_waits_for_its_confirmation(run_module) -> None:
    run_module("host", documents={"pods": OLD})
    run_module("host", documents={"pods": {}}, state="absent", confirm=300)
    assert command("status").stdout.startswith("generation  none, not confirmed: the host goes back in 29")
    assert json.loads(succeed("confirm", "--json")) == {"changed": True, "generation": 0, "revision": ""}


def test_a_host_without_nft(run_module, tmp_path: pathlib.Path) -> None:
    run_module("host", documents={"pods": {"topology": OLD["topology"]}})
    hide = f'mount --bind {tmp_path} /usr/sbin; exec "$@"'
    asked = ["unshare", "--mount", "sh", "-c", hide, "sh", COMMAND, "status"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    run_module("host", documents={"pods": {}}, state="absent")


def test_orphans(run_module) -> None:
    """Of each kind that has a mark: what no generation contains."""
    run_module("host", documents={"pods": OLD})
    try:
        kernel.ip("", "route", "add", "10.77.0.0/16", "dev", "br0", "proto", "119")
        kernel.ip("", "route", "add", "10.78.0.0/16", "dev", "br0", "proto", "120")
        kernel.ip("", "route", "add", "10.79.0.0/16", "dev", "br0", "proto", "static")
        kernel.ip("pod1", "rule", "add", "from", "10.9.0.2", "table", "100", "protocol", "119")
        kernel.run("nft", "add", "table", "inet", "weft_other")
        run_module("sysctl", name="router", settings={"net.ipv4.conf.lo.rp_filter": 2})
        run_module("echo_server", namespaces=["pod1"], port=8002)
        found = read(run_module)["orphans"]
        (server,) = [line for line in found if line.startswith("echo server pod1: port 8002, PID ")]
        assert [line for line in found if line != server] == [
            "table inet weft_other",
            "route 10.77.0.0/16 dev br0",
            "route 10.78.0.0/16 dev br0",
            "rule priority 32765 from 10.9.0.2/32 table 100 in namespace pod1",
            "file /etc/sysctl.d/99-weft-router.conf",
        ]
    finally:
        run_module("echo_server", namespaces=["pod1"], port=8002, state="absent")
        run_module("sysctl", name="router", settings={}, state="absent")
        run_module("host", documents={"pods": {}}, state="absent")
        kernel.run("nft", "flush", "ruleset")


def test_history(run_module) -> None:
    for revision, document in (("a", DOCUMENT), ("b", OLD), ("c", NEW)):
        run_module("host", documents={"pods": document}, revision=revision)
    assert json.loads(succeed("rollback", "b", "--json")) == {"changed": True, "generation": 4, "revision": "b"}
    found = json.loads(succeed("history", "--json"))["generations"]
    assert [(one["number"], one["revision"], one["state"]) for one in found] == [
        (1, "a", []),
        (2, "b", []),
        (3, "c", []),
        (4, "b", ["current", "confirmed"]),
    ]
    lines = succeed("history").splitlines()
    assert lines[0].split() == ["time", "revision", "controller", "roles"]
    assert lines[4].startswith("4 ") and lines[4].endswith("b             this host        pods (current, confirmed)")
    run_module("host", documents={"pods": {}}, state="absent")


def test_a_hold(run_module) -> None:
    """An operator's own fix stays: nothing changes the host, everything says so, and a look is still possible."""
    run_module("host", documents={"pods": DOCUMENT})
    assert succeed("hold") == f"{HELD}\n"
    same = run_module("host", documents={"pods": DOCUMENT})
    assert (same.rc, same["changed"], same["hold"]) == (0, False, HELD)
    kernel.ip("", "link", "set", "vxlan0", "mtu", "1300")
    before = tree()
    with kernel.unchanged("", "pod1"):
        for arguments in ([], ["pods"]):
            done = command("apply", *arguments)
            assert (done.returncode, done.stdout, done.stderr) == (0, "", f"weft-fabric: {HELD}\n")
        for check in (True, False):
            refused = run_module("host", documents={"pods": OLD}, check=check)
            assert refused["msg"] == HELD and refused["diff"] and refused["plan"]
        drift = command("diff")
    assert (drift.returncode, drift.stderr) == (2, f"weft-fabric: {HELD}\n")
    assert "+ link vxlan0 mtu 1400" in drift.stdout
    assert tree() == before
    assert read(run_module)["hold"] == HELD and f"hold        {HELD}\n" in command("status").stdout
    ended = json.loads(succeed("hold", "off", "--json"))
    assert ended == {"changed": True, "generation": 1, "revision": run_module("host_info")["revision"], "hold": False}
    assert "vxlan0 mtu 1400" in succeed("apply")
    run_module("host", documents={"pods": {}}, state="absent")


def test_a_hold_ends_by_itself(run_module, monkeypatch: pytest.MonkeyPatch) -> None:
    run_module("host", documents={"pods": DOCUMENT})
    said = succeed("hold", "2")
    assert said.startswith("this host is on hold until 20")
    until = json.loads(pathlib.Path("/run/weft-fabric.hold").read_text())["until"]
    assert until - time.time() < 3
    kernel.run("sh", "-c", f"until [ $(date +%s) -ge {until} ]; do :; done")
    assert json.loads(succeed("status", "--json"))["hold"] is False
    assert succeed("hold", "off") == "this host is not on hold\n"
    run_module("host", documents={"pods": {}}, state="absent")


def test_the_last_error(run_module) -> None:
    run_module("host", documents={"pods": OLD})
    wrong = {"topology": {"namespaces": {"": {"links": [{"name": "nobody0"}]}}}}
    message = run_module("host", documents={"overlay": wrong})["msg"]
    error = read(run_module)["last_error"]
    assert (error["by"], error["message"]) == ("host", message)
    assert f": {message}\n" in command("status").stdout
    assert succeed("apply") == "" and read(run_module)["last_error"] is None
    refused = command("rollback")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "'the previous one' is refused: the earlier generations are: none" in refused.stderr
    assert read(run_module)["last_error"]["by"] == "weft-fabric rollback"
    run_module("host", documents={"pods": {}}, state="absent")
    assert run_module("host_info")["last_error"] is None
