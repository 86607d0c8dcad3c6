# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Confirmation, the guard and rollbacks: a host that goes back is as it was, by the kernel's own word."""

from __future__ import annotations

import copy
import json
import os
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.engine import lifeline
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.host import archive, generation, notes, transaction, wayback
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    COMMAND,
    NEW,
    OLD,
    command,
    derived,
    ended,
    generation_of,
    guards,
    state,
    succeed,
    tree,
)


def gone_back(number: int) -> None:
    """Wait for the end of the guard's process, which is the last of what it does."""
    for process in guards(number):
        ended(process)


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    yield
    assert not pathlib.Path(notes.GUARD).exists() and not pathlib.Path(notes.HOLD).exists()


def test_without_a_confirmation_the_host_goes_back(run_module) -> None:
    run_module("host", documents={"pods": OLD}, revision="old")
    was, files = state(), derived()
    done = run_module("host", documents={"pods": NEW}, revision="new", confirm=3)
    assert (done["generation"], done["confirmed"]) == (2, False)
    assert state() != was
    record = generation.read()
    assert record.current and record.confirmed
    assert (record.current.number, record.confirmed.number) == (2, 1)
    gone_back(2)
    assert state() == was
    assert derived() == files
    record = generation.read()
    assert record.is_confirmed and record.current and (record.current.number, record.current.revision) == (3, "old")
    assert succeed("diff") == ""
    assert not run_module("host", documents={"pods": OLD}, revision="old")["changed"]
    run_module("host", documents={"pods": {}}, state="absent")


def test_a_confirmation_in_time(run_module) -> None:
    run_module("host", documents={"pods": OLD})
    run_module("host", documents={"pods": NEW}, revision="new", confirm=60)
    right, (process,) = state(), guards(2)
    wrong = command("confirm", "1")
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "GENERATION: '1' is refused: the host has generation 2, revision new: it may have gone back" in wrong.stderr
    said = json.loads(succeed("confirm", "2", "--json"))
    assert said == {"changed": True, "generation": 2, "revision": "new"}
    ended(process)
    assert state() == right
    assert succeed("confirm") == "generation 2, revision new, is confirmed\n"
    assert json.loads(succeed("confirm", "--json"))["changed"] is False
    assert succeed("diff") == ""
    assert not run_module("host", documents={"pods": NEW})["changed"]
    run_module("host", documents={"pods": {}}, state="absent")


def test_the_first_generation_of_a_host(run_module) -> None:
    """Without a confirmed one, everything is removed."""
    was, files = state(), tree()
    run_module("host", documents={"pods": OLD}, confirm=2)
    gone_back(1)
    assert (state(), tree()) == (was, files)
    assert generation.read().known == []


@pytest.mark.parametrize("persist", [True, False])
def test_a_teardown(run_module, persist: bool) -> None:
    run_module("host", documents={"pods": OLD}, persist=persist)
    was, files = state(), derived()
    assert run_module("host", documents={"pods": {}}, state="absent", confirm=2)["generation"] == 0
    assert state() != was
    gone_back(2)
    assert (state(), derived()) == (was, files)
    run_module("host", documents={"pods": {}}, state="absent", confirm=60)
    assert succeed("confirm") == "this host has no documents any more\n"
    assert generation.read().known == [] and not pathlib.Path(COMMAND).exists()


@pytest.mark.parametrize("which", ["", "1", "first"])
def test_a_rollback(run_module, which: str) -> None:
    """To the previous generation, to a number, to a revision; and back again."""
    run_module("host", documents={"pods": OLD}, revision="first")
    was, files = state(), derived()
    run_module("host", documents={"pods": NEW}, revision="second")
    right, files_right = state(), derived()
    said = succeed("rollback", *([which] if which else []))
    assert said == "generation 3, revision first, is confirmed\n"
    assert (state(), derived()) == (was, files)
    assert succeed("diff") == ""
    assert succeed("rollback") == "generation 4, revision second, is confirmed\n"
    assert (state(), derived()) == (right, files_right)
    with kernel.unchanged("", "pod2"):
        refused = command("rollback", "fourth")
    assert refused.returncode == 1
    assert "GENERATION: 'fourth' is refused: the earlier generations are: 1, 2, 3\n" in refused.stderr
    run_module("host", documents={"pods": {}}, state="absent")


def test_a_rollback_over_a_role_that_is_new(run_module) -> None:
    """The other roles stay, and an interface gets the address back that the role had moved to a bridge."""
    kernel.ip("", "link", "add", "nic0", "up", "type", "veth", "peer", "name", "far0")
    kernel.ip("", "address", "add", "192.0.2.1/24", "dev", "nic0")
    run_module("host", documents={"pods": OLD})
    was = state()
    port = {"name": "nic0", "controller": "br9", "addresses": [], "purge_addresses": True}
    links = [{"name": "br9", "kind": "bridge", "addresses": ["192.0.2.1/24"]}, port]
    back = {
        "topology": {"namespaces": {"": {"links": [{"name": "nic0", "controller": "", "addresses": ["192.0.2.1/24"]}]}}}
    }
    made = run_module(
        "host", documents={"underlay": {"topology": {"namespaces": {"": {"links": links}}}, "afterwards": back}}
    )
    assert made.rc == 0 and ("br9", "192.0.2.1/24") in state()[0][""]["addresses"], made
    succeed("rollback")
    assert state() == was and ("nic0", "192.0.2.1/24") in was[0][""]["addresses"]
    run_module("host", documents={"pods": {}}, state="absent")
    kernel.ip("", "link", "delete", "nic0")


NIC = {"name": "nic0", "controller": "br9", "addresses": [], "purge_addresses": True}
OVER_NIC = {"links": [{"name": "br9", "kind": "bridge", "addresses": ["192.0.2.1/24", "198.51.100.1/24"]}, NIC]}
UNDERLAY = {"topology": {"namespaces": {"": OVER_NIC}}}


@pytest.mark.parametrize("way", ["removed", "another", "rollback"])
def test_the_bridge_by_which_the_controller_is_connected(run_module, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """It is not removed over this connection, unless its address moves; over another one it is."""
    kernel.ip_batch("", "link add nic0 up type veth peer name far0", "link set far0 up")
    run_module("host", documents={"pods": {"sysctl": {"net.ipv4.conf.lo.rp_filter": 2}}})
    assert run_module("host", documents={"underlay": UNDERLAY}).rc == 0
    other = {"topology": {"namespaces": {"": {"links": [{"name": "br8", "kind": "bridge"}]}}}}
    wanted = generation_of(underlay=other).documents if way == "another" else generation_of().documents

    def act(check: bool) -> bool:
        record = generation.read()
        if way == "rollback":
            return wayback.go_back(record, generation.load("/etc/weft", "1"), check)[0].changed
        return transaction.Transaction(record, wanted).run(check)[0].changed

    monkeypatch.setattr(lifeline, "session", lambda: lifeline.Session("192.0.2.9", "192.0.2.1"))
    before = tree()
    for check in (True, False):
        with kernel.unchanged(""), pytest.raises(FabricError, match="would lose that address with br9"):
            act(check)
        assert tree() == before
    monkeypatch.setattr(lifeline, "session", lambda: lifeline.Session("203.0.113.9", "203.0.113.1"))
    assert act(check=False)
    assert "br9" not in kernel.ip("", "link")
    monkeypatch.setattr(lifeline, "session", lambda: None)
    transaction.Transaction(generation.read(), {}).run(check=False)
    kernel.ip("", "link", "delete", "nic0")


@pytest.mark.needs_kind("vlan")
def test_a_vlan_that_the_switch_drops(run_module, ns) -> None:
    """No plan can see that: the host is cut off, and comes back by itself. Over SSH, in playbooks/test_cut_off.py."""
    switch, controller = ns(), ns()
    kernel.ip_batch(
        "", f"link add nic0 up type veth peer name port0 netns {switch}", "address add 10.1.0.1/24 dev nic0"
    )
    kernel.ip_batch(
        switch, "link add sw up type bridge vlan_filtering 1", "link set port0 up master sw",
        f"link add port1 up master sw type veth peer name c0 netns {controller}",
    )  # fmt: skip
    kernel.ip_batch(controller, "link set c0 up", "address add 10.1.0.9/24 dev c0")

    def reached() -> bool:
        ping = ["ip", "netns", "exec", controller, "ping", "-c1", "-W1", "10.1.0.1"]
        return subprocess.run(ping, capture_output=True, check=False).returncode == 0

    kernel.eventually(reached)
    run_module("host", documents={"pods": OLD})
    was = state()
    vlan = {"name": "nic0.7", "kind": "vlan", "parent": "nic0", "vlan_id": 7, "addresses": ["10.1.0.1/24"]}
    links = [vlan, {"name": "nic0", "addresses": [], "purge_addresses": True}]
    back = {"topology": {"namespaces": {"": {"links": [{"name": "nic0", "addresses": ["10.1.0.1/24"]}]}}}}
    underlay = {"topology": {"namespaces": {"": {"links": links}}}, "afterwards": back}
    assert run_module("host", documents={"underlay": underlay}, confirm=5)["generation"] == 2
    assert not reached()
    gone_back(2)
    kernel.eventually(reached)
    assert state() == was
    run_module("host", documents={"pods": {}}, state="absent")
    kernel.ip("", "link", "delete", "nic0")


def test_the_guard_belongs_to_no_session(run_module, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes back also where that removes the address by which the run that armed it was connected."""
    kernel.ip_batch("", "link add nic0 up type veth peer name far0", "link set far0 up")
    run_module("host", documents={"pods": {"sysctl": {"net.ipv4.conf.lo.rp_filter": 2}}})
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.9 50000 192.0.2.1 22")
    wanted = generation_of(underlay=UNDERLAY).documents
    transaction.Transaction(generation.read(), wanted, confirm=2).run(check=False)
    assert "br9" in kernel.ip("", "link")
    gone_back(2)
    assert "br9" not in kernel.ip("", "link") and generation.read().is_confirmed
    run_module("host", documents={"pods": {}}, state="absent")
    kernel.ip("", "link", "delete", "nic0")


def test_a_command_whose_engine_is_removed_meanwhile(run_module) -> None:
    """As the guard does, when it goes back to nothing while the command waits for the lock."""
    run_module("host", documents={"pods": OLD})
    run_module("host", documents={"pods": NEW})
    was = state()
    with files.alone():
        waiting = subprocess.Popen([COMMAND, "rollback"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        opened = f"/proc/{waiting.pid}/fd"
        kernel.run("sh", "-c", f"until ls -l {opened} | grep -q {files.LOCK}; do :; done")
        engine_of(1).unlink()
    said, errors = waiting.communicate(timeout=60)
    assert (waiting.returncode, errors, said[:12]) == (0, "", "generation 3")
    assert state() != was and succeed("diff") == "", "the engine is there again"
    run_module("host", documents={"pods": {}}, state="absent")


def engine_of(number: int) -> pathlib.Path:
    return pathlib.Path(os.readlink(f"/etc/weft/generations/{number}/engine"))


def test_engines_of_kept_generations_stay(run_module, monkeypatch: pytest.MonkeyPatch) -> None:
    run_module("host", documents={"pods": OLD})
    first = engine_of(1)
    monkeypatch.setattr(archive, "VERSION", "0.2.0")
    for resync in range(60, 69):
        wanted = generation_of(pods={**OLD, "resync": resync}).documents
        transaction.Transaction(generation.read(), wanted).run(check=False)
    newer = engine_of(2)
    assert newer.name.startswith("weft-fabric-0.2.0-") and pathlib.Path(COMMAND).resolve() == newer
    assert sorted(first.parent.iterdir()) == sorted([first, newer])
    wanted = generation_of(pods={**OLD, "resync": 70}).documents
    with kernel.unchanged("", "pod1"):
        transaction.Transaction(generation.read(), wanted).run(check=False)
    assert generation.numbers("/etc/weft") == [*range(2, 12)]
    assert list(first.parent.iterdir()) == [newer], "no generation needs the first one any more"
    transaction.Transaction(generation.read(), {}).run(check=False)
    assert not first.parent.exists()


def test_a_generation_that_only_its_own_engine_can_read(run_module) -> None:
    """After a downgrade: the older command runs the newer engine."""
    for document in (OLD, NEW):
        run_module("host", documents={"pods": document})
    path = pathlib.Path("/etc/weft/generations/1")
    newer = pathlib.Path("/usr/local/lib/weft/weft-fabric-9.0.0-abc.pyz")
    text = json.loads((path / "generation.json").read_text())
    (path / "generation.json").write_text(json.dumps({**text, "format": 99, "engine": "9.0.0-abc"}))
    (path / "engine").unlink()
    (path / "engine").symlink_to(newer)
    with kernel.unchanged("", "pod2"):
        missing = command("rollback", "1")
    assert (missing.returncode, missing.stderr) == (
        1,
        f"weft-fabric: generation 1 needs {newer}, which is missing: install that version\n",
    )
    newer.write_text("#!/bin/sh\necho $0 $*\n")
    newer.chmod(0o755)
    assert succeed("rollback", "1", "--json") == f"{newer} rollback 1 --json\n"
    (one, *_others) = json.loads(succeed("history", "--json"))["generations"]
    assert (one["number"], one["engine"]) == (1, "9.0.0-abc")
    run_module("host", documents={"pods": {}}, state="absent")
    assert not newer.parent.exists()


def test_the_confirmed_generation_is_kept(run_module) -> None:
    """However many follow it that nobody confirms."""
    run_module("host", documents={"pods": OLD})
    was = state()
    for mtu in range(1300, 1312):
        changed = copy.deepcopy(OLD)
        changed["topology"]["namespaces"][""]["links"][2]["mtu"] = mtu
        run_module("host", documents={"pods": changed}, confirm=300)
    assert generation.numbers("/etc/weft") == [1, *range(4, 14)]
    assert json.loads(succeed("rollback", "--json"))["generation"] == 14
    assert state() == was
    run_module("host", documents={"pods": {}}, state="absent")
