# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of an unconfirmed generation: when its time starts again, whom it ends, and what takes its place."""

from __future__ import annotations

import copy
import json
import os
import pathlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.host import (
    generation,
    guard,
    notes,
)
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    COMMAND,
    NEW,
    OLD,
    command,
    derived,
    ended,
    guards,
    state,
    succeed,
    wipe,
)

HOLDER = "import sys; from {0} import files\nwith files.alone():\n    print('held', flush=True); sys.stdin.read()"


@pytest.fixture
def unconfirmed(run_module) -> Iterator[Any]:
    """NEW waits for its confirmation, and OLD is confirmed; the state and the files of OLD."""
    run_module("host", documents={"pods": OLD}, revision="old")
    was = state(), derived()
    assert run_module("host", documents={"pods": NEW}, revision="new", confirm=300)["generation"] == 2
    yield was
    run_module("host", documents={"pods": {}}, state="absent")
    assert not pathlib.Path(notes.GUARD).exists()


def end_guard(number: int) -> None:
    for process in guards(number):
        os.kill(int(process), signal.SIGKILL)
        ended(process)


def time_is_over() -> None:
    waiting = guard.waiting()
    assert waiting
    notes.write(notes.GUARD, **waiting._replace(until=0.0)._asdict())


def test_contacts_of_the_same_run(run_module, unconfirmed) -> None:
    first = guard.waiting()
    assert first and first.generation == 2
    probe = {"targets": [{"name": "self", "address": "127.0.0.1"}], "count": 1, "pmtu": False}
    for plan in ({}, {"plan": "another"}):
        assert run_module("reachability", **probe, **plan)["reachable"]
        assert guard.waiting() == first
    assert run_module("reachability", **probe, plan=first.plan)["reachable"]
    again = guard.waiting()
    assert again and again.until > first.until and again._replace(until=first.until) == first


def test_a_run_that_does_not_release_the_lock_is_ended(unconfirmed) -> None:
    program = HOLDER.format(files.__name__.rpartition(".")[0])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program], **pipes) as holder:  # type: ignore[call-overload]
        assert holder.stdout.readline() == b"held\n"
        (process,) = guards(2)
        time_is_over()
        ended(process)
        assert holder.wait() == -signal.SIGKILL
    assert (state(), derived()) == unconfirmed
    assert generation.read().is_confirmed


def test_who_does_not_hold_the_lock_is_not_ended() -> None:
    """The number in the file is that of another process by now."""
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE) as innocent, files.alone():
        pathlib.Path(files.LOCK).write_text(str(innocent.pid))
        guard.end_holder()
        assert innocent.poll() is None
        assert innocent.stdin
        innocent.stdin.close()
        assert innocent.wait() == 0


@pytest.mark.parametrize("happens", ["a reboot", "a reboot, and the timer"])
def test_a_reboot_before_the_confirmation(unconfirmed, happens: str) -> None:
    end_guard(2)
    os.remove(notes.GUARD)
    wipe()
    said = succeed("apply")
    assert "rollback: + link br0 type bridge" in said
    if "timer" in happens:
        assert succeed("apply") == ""
    assert (state(), derived()) == unconfirmed
    assert succeed("diff") == ""
    assert generation.read().is_confirmed


def test_a_reboot_applies_nothing_that_is_not_to_persist(run_module) -> None:
    """Before the confirmation, and after it; the guard of the same boot brings such documents back."""

    def bridge(name: str) -> dict[str, Any]:
        return {"topology": {"namespaces": {"": {"links": [{"name": name, "kind": "bridge"}]}}}}

    documents = {"overlay": bridge("br7"), "pods": {**bridge("br8"), "persist": False}}
    run_module("host", documents=documents)
    stored = json.loads(pathlib.Path("/etc/weft/confirmed/generation.json").read_text())
    assert [*stored["documents"]] == ["overlay"]
    assert [*json.loads(pathlib.Path("/run/weft/generations/1.json").read_text())["documents"]] == ["pods"]
    assert not run_module("host", documents=documents)["changed"]

    run_module("host", documents={"overlay": bridge("br9")}, confirm=300)
    time_is_over()
    for process in guards(2):
        ended(process)
    assert bridges() == {"br7", "br8"}, "they are as before"

    run_module("host", documents={"overlay": bridge("br9")}, confirm=300)
    end_guard(4)
    os.remove(notes.GUARD)
    kernel.run("rm", "-r", "/run/weft")
    wipe()
    said = succeed("apply")
    assert "br7" in said and "br8" not in said and bridges() == {"br7"}
    assert succeed("diff") == "" and generation.read().is_confirmed
    assert run_module("host", documents=documents)["changed"], "the controller brings it back"
    assert bridges() == {"br7", "br8"}
    run_module("host", documents={role: {} for role in documents}, state="absent")
    assert not bridges() and not pathlib.Path("/run/weft").exists()


def bridges() -> set[str]:
    return {link["ifname"] for link in kernel.ip_json("", "link", "show", "type", "bridge")}


def test_the_timer_keeps_what_waits_for_its_confirmation(unconfirmed) -> None:
    right = state()
    kernel.ip("", "link", "set", "vxlan0", "mtu", "1300")
    assert succeed("apply") == "pods: - link vxlan0 mtu 1300\npods: + link vxlan0 mtu 1400\n"
    assert state() == right and not generation.read().is_confirmed


def test_the_timer_takes_the_place_of_a_guard_that_was_killed(unconfirmed) -> None:
    end_guard(2)
    time_is_over()
    drift = command("diff")
    assert drift.returncode == 2 and "rollback: + link br0 type bridge" in drift.stdout
    assert succeed("apply") == drift.stdout
    assert (state(), derived()) == unconfirmed
    assert not guard.waiting()


def test_another_run_before_the_confirmation(run_module, unconfirmed) -> None:
    """Without a time, it confirms; a guard of its own goes back to the same confirmed generation."""
    third: dict[str, Any] = copy.deepcopy(NEW)
    third["topology"]["namespaces"][""]["links"][2]["mtu"] = 1300
    (process,) = guards(2)
    assert run_module("host", documents={"pods": third}, confirm=300)["generation"] == 3
    ended(process)
    (process,) = guards(3)
    time_is_over()
    ended(process)
    assert (state(), derived()) == unconfirmed
    run_module("host", documents={"pods": NEW}, confirm=300)
    (process,) = guards(5)
    assert run_module("host", documents={"pods": NEW})["confirmed"]
    ended(process)
    assert generation.read().is_confirmed and succeed("diff") == ""


def test_a_run_that_fails_before_the_confirmation(run_module, unconfirmed) -> None:
    """The guard of the generation before goes on."""
    wrong = copy.deepcopy(NEW)
    refused = {"dst": "10.77.0.0/16", "via": "127.0.0.9", "dev": "lo", "onlink": True}
    wrong["topology"]["namespaces"][""]["routes"].append(refused)
    right, files_right = state(), derived()
    for confirm in (0, 300):
        assert "10.77.0.0/16" in run_module("host", documents={"pods": wrong}, confirm=confirm)["msg"]
        waiting = guard.waiting()
        assert (state(), derived()) == (right, files_right) and waiting and waiting.generation == 2
    time_is_over()
    for process in guards(2):
        ended(process)
    assert (state(), derived()) == unconfirmed


def test_the_guard_is_a_timer_of_systemd(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The words; what systemd does with them is tested where it runs (molecule/survive)."""
    asked = tmp_path / "asked"
    for name in ("systemctl", "systemd-run"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{asked}\n')
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(guard, "systemd_runs", lambda: True)
    guard.arm(7, 20, "abc")
    guard.arm(8, 20, "abd")
    guard.disarm()
    assert asked.read_text().splitlines() == [
        "systemd-run --quiet --unit=weft-fabric-guard-7 --collect --property=KillMode=process "
        f"--property=Restart=on-failure --on-active=20 --timer-property=AccuracySec=1s {COMMAND} guard 7",
        "systemctl stop weft-fabric-guard-7.timer",
        "systemd-run --quiet --unit=weft-fabric-guard-8 --collect --property=KillMode=process "
        f"--property=Restart=on-failure --on-active=20 --timer-property=AccuracySec=1s {COMMAND} guard 8",
        "systemctl stop weft-fabric-guard-8.timer",
    ]
    assert guard.waiting() is None
