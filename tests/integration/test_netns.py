# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces, by name."""

from __future__ import annotations

import subprocess

import pytest

from ansible_collections.weft.fabric.tests.integration import machine
from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip_json, namespaces, run
from ansible_collections.weft.fabric.tests.integration.life import refused_without


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
