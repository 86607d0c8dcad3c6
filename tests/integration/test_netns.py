# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces, by name."""

from __future__ import annotations

import errno
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError
from ansible_collections.weft.fabric.plugins.module_utils.kernel import netns
from ansible_collections.weft.fabric.tests.integration import machine
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip_json, namespaces, run
from ansible_collections.weft.fabric.tests.integration.life import refused_without

NETNS = pathlib.Path("/run/netns")


def test_missing_arguments(run_module, ns) -> None:
    refused_without("name", run_module, ns(), "netns", {"name": "x"})


@pytest.mark.older_host
def test_life(run_module) -> None:
    with Monitor("") as monitor:
        would = run_module("netns", name="blue", check=True)
    assert monitor.changes == [] and "blue" not in namespaces()
    did = run_module("netns", name="blue")
    try:
        assert (would["changed"], would["diff"]) == (True, did["diff"])
        assert did["netns"] == {"name": "blue"}
        assert "UP" in ip_json("blue", "link", "show", "lo")[0]["flags"]
        with Monitor("", "blue") as monitor:
            again = run_module("netns", name="blue")
        assert (again["changed"], monitor.changes) == (False, [])
        run("ip", "-n", "blue", "link", "set", "lo", "down")
        repaired = run_module("netns", name="blue")
        assert repaired["diff"] == {"before": "netns blue: link lo down\n", "after": "netns blue: link lo up\n"}
        assert "UP" in ip_json("blue", "link", "show", "lo")[0]["flags"]
        with Monitor("", "blue") as monitor:
            would = run_module("netns", name="blue", state="absent", check=True)
        assert monitor.changes == [] and "blue" in namespaces()
    finally:
        gone = run_module("netns", name="blue", state="absent")
    assert would["diff"] == gone["diff"] == {"before": "namespace blue\n", "after": ""}
    assert "blue" not in namespaces()
    assert not run_module("netns", name="blue", state="absent")["changed"]


@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_netns_can_go_whoever_made_another_one_after_it(first: str, run_module) -> None:
    """ip-netns(8) mounts the directory of namespaces over itself, once, and would hide what was mounted before."""
    assert namespaces() == set(), "the directory has to be as on a machine that never had one"
    subprocess.run(["umount", "--quiet", "/run/netns"], check=False)
    before = machine.mounts()
    makers = {"ours": lambda: run_module("netns", name="ours"), "theirs": lambda: run("ip", "netns", "add", "theirs")}
    for name in sorted(makers, key=lambda name: name != first):
        makers[name]()
    run("ip", "netns", "delete", "theirs")
    assert machine.mounts() != before, "the other is still there"
    gone = run_module("netns", name="ours", state="absent")
    assert (gone.get("msg"), gone["changed"], namespaces()) == (None, True, set())
    assert machine.mounts() == before


@pytest.fixture
def elsewhere(ns, tmp_path) -> Iterator[tuple[str, pathlib.Path]]:
    """A symbolic link in the directory of namespaces to a container's, which has a veth to the host."""
    name = ns()
    target = tmp_path / "container"
    target.touch()
    run("mount", "--bind", f"/run/netns/{name}", str(target))
    run("ip", "netns", "delete", name)
    run("ip", "link", "add", "c0", "type", "veth", "peer", "name", "eth0", "netns", str(target))
    link = NETNS / "theirs"
    link.symlink_to(target)
    yield "theirs", target
    link.unlink(missing_ok=True)
    run("umount", str(target))
    subprocess.run(["ip", "link", "delete", "c0"], capture_output=True, check=False)


def test_of_a_link_to_a_namespace_the_link_alone_is_removed(run_module, elsewhere) -> None:
    name, target = elsewhere
    run_module("netns", name=name)
    would = run_module("netns", name=name, state="absent", check=True)
    with Monitor("") as monitor:
        gone = run_module("netns", name=name, state="absent")
    assert would["diff"] == gone["diff"] == {"before": f"namespace {name}\n", "after": ""}
    assert (name in namespaces(), monitor.changes) == (False, [])
    inside_it = run("nsenter", f"--net={target}", "ip", "-brief", "link")
    assert "eth0" in inside_it, "the container keeps its interface"


def test_a_link_that_leads_nowhere(run_module, link_to_nothing: pathlib.Path) -> None:
    name = link_to_nothing.name
    for check in (True, False):
        result = run_module("netns", name=name, check=check)
        assert f"namespace {name}: a file of this name is there" in result["msg"]
        assert link_to_nothing.is_symlink()
    would = run_module("netns", name=name, state="absent", check=True)
    assert would["changed"] and link_to_nothing.is_symlink()
    assert run_module("netns", name=name, state="absent")["changed"] and not link_to_nothing.is_symlink()
    assert run_module("netns", name=name)["changed"]
    assert run_module("netns", name=name, state="absent")["changed"]


@pytest.fixture
def link_to_nothing() -> Iterator[pathlib.Path]:
    link = NETNS / "nothing"
    link.symlink_to("/nowhere")
    yield link
    link.unlink(missing_ok=True)


def test_a_namespace_of_another_mount_namespace_is_not_ended(run_module) -> None:
    """Its file is empty here; to remove the file would end it there (namei.c: detach_mounts)."""
    script = "ip netns add away && echo made && read -r line && ip netns list && ip -n away link show lo"
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", script]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin and other.stdout and other.stdout.readline() == "made\n"
        for check in (True, False):
            result = run_module("netns", name="away", check=check)
            assert "namespace away: a file of this name is there" in result["msg"]
        joined = run_module("topology", namespaces={"away": {"joins": ""}})
        assert "namespace away: a file of this name is there" in joined["msg"]
        left = other.communicate("\n")[0]
        assert "away" in left and "lo" in left
    assert run_module("netns", name="away", state="absent")["changed"] and "away" not in namespaces()


@pytest.mark.parametrize("joins", [None, ""])
def test_what_an_interrupted_run_left_is_finished(run_module, monkeypatch, joins: str | None) -> None:
    def die(*_arguments: object) -> None:
        raise InterruptedError(errno.EINTR, "killed")

    call = netns._call
    monkeypatch.setattr(netns, "_call", lambda *words: die() if words[4:5] == (netns.MS_BIND,) else call(*words))
    with pytest.raises(KernelError):
        netns.create_netns("blue", joins)
    monkeypatch.undo()
    assert netns.netns_status("blue") == "unfinished"
    try:
        done = run_module("topology", namespaces={"blue": {} if joins is None else {"joins": joins}})
        assert (done.get("msg"), done["changed"], netns.netns_status("blue")) == (None, True, "present")
        assert not run_module("topology", namespaces={"blue": {} if joins is None else {"joins": joins}})["changed"]
    finally:
        run_module("netns", name="blue", state="absent")
    assert "blue" not in namespaces()


def in_a_container(script: str) -> str:
    """The module's message in a user namespace of its own, after a script."""
    module = "ansible_collections.weft.fabric.plugins.modules.netns"
    command = f"mount -t tmpfs tmpfs /run; {script}; exec setpriv $DROP {sys.executable} -m {module}"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "--mount", "sh", "-c", command],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"name": "blue"}}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return str(json.loads(done.stdout)["msg"])


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 0 >/proc/sys/user/max_net_namespaces", "raise user.max_net_namespaces"),
        ("mkdir /run/netns; mount -o remount,ro /run", "make the file system writable"),
    ],
    ids=["limit", "read-only"],
)
def test_what_the_kernel_refuses_has_its_remedy(script: str, words: str) -> None:
    message = in_a_container(script)
    assert message.startswith("cannot ") and words in message and "\n" not in message


def test_a_directory_of_that_name(run_module) -> None:
    (NETNS / "odd").mkdir()
    try:
        message = run_module("netns", name="odd", state="absent")["msg"]
    finally:
        (NETNS / "odd").rmdir()
    assert "cannot delete namespace odd: " in message and "remove that by hand" in message
