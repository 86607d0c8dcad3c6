# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host proves by itself is stored with its generations, and nothing else depends on it."""

from __future__ import annotations

import json
import pathlib

import pytest

from ansible_collections.weft.fabric.plugins.module_utils.host import stored_rows
from ansible_collections.weft.fabric.plugins.module_utils.proof.rows import NOTHING, Rows
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import UNDERLAY, Target
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import DOCUMENT, command, succeed, tree

FORWARDING = {"sysctl": {"net.ipv4.conf.lo.rp_filter": 2}}
REMEDY = "the playbooks weft.fabric.site and weft.fabric.verify store what a host proves"


def rows(*addresses: str) -> str:
    """The rows of a host without an overlay."""
    targets = [Target("", "here", "", UNDERLAY, address, "") for address in addresses]
    return str(Rows("here", "lo", 8000, 1, {}, (), targets))


def proved() -> list[str]:
    """The addresses that the host probes."""
    return [row["address"] for row in json.loads(command("prove", "--json").stdout).get("results", [])]


def refused() -> str:
    done = command("prove")
    assert (done.returncode, done.stdout) == (1, ""), done
    return done.stderr.removeprefix("weft-fabric: ").rstrip("\n")


@pytest.fixture(autouse=True)
def _up() -> None:
    kernel.ip("", "link", "set", "lo", "up")


def test_each_generation_has_its_own(run_module) -> None:
    run_module("host", documents={"pods": DOCUMENT}, proof=rows("10.9.0.1"))
    assert proved() == ["10.9.0.1"]
    done = run_module("host", documents={"more": FORWARDING}, proof=rows("10.9.0.1", "10.9.0.2"))
    assert done["invocation"]["module_args"]["proof"] is None, "the controller keeps all results"
    assert proved() == ["10.9.0.1", "10.9.0.2"]
    succeed("rollback")
    assert proved() == ["10.9.0.1"], "those of the documents that the host has again"
    run_module("host", documents={"other": FORWARDING})
    assert proved() == ["10.9.0.1"], "a role that is used alone knows of no proof"
    before = tree()
    run_module("host", documents={"other": FORWARDING}, proof=rows())
    assert tree() == before, "nothing is written without a change"
    run_module("host", documents={"pods": {}, "other": {}}, state="absent")


def test_a_proof_stores_what_has_changed_elsewhere(run_module) -> None:
    run_module("host", documents={"pods": DOCUMENT}, persist=False)
    assert refused() == f"/run/weft/generations/1 has no targets: {REMEDY}"
    probe = {"targets": [{"name": "lo", "address": "127.0.0.1"}], "count": 1, "pmtu": False}
    for check, expected in ((True, []), (False, ["127.0.0.1"])):
        done = run_module("reachability", check=check, proof=rows("127.0.0.1"), **probe)
        assert (done["changed"], done["reachable"], done["invocation"]["module_args"]["proof"]) == (False, True, None)
        assert proved() == expected if expected else refused()
    text = succeed("prove")
    assert text.endswith("1 of 1 pairs hold, 0 fail\n")
    run_module("host", documents={"pods": {}}, state="absent")
    assert run_module("reachability", proof=rows("127.0.0.1"), **probe)["reachable"], "there is nowhere to store it"


def test_a_pair_that_fails(run_module) -> None:
    run_module("host", documents={"pods": DOCUMENT}, proof=rows("10.9.0.1", "192.0.2.7"))
    done = command("prove")
    assert (done.returncode, done.stderr) == (1, "")
    assert "FAILED: pod\n" in done.stdout and "    remedy: run weft.fabric.site with the tag pods" in done.stdout
    found = json.loads(command("prove", "--json").stdout)
    assert (found["generation"] > 0, found["hold"], found["fail"]) == (True, 1, 1)
    assert (found["faults"][0]["layer"], found["faults"][0]["hosts"]) == ("pod", ["here"])
    run_module("host", documents={"pods": {}}, state="absent")


def test_what_cannot_be_proved_is_said_in_one_line(run_module) -> None:
    run_module("host", documents={"pods": DOCUMENT}, proof=str(NOTHING))
    assert succeed("prove").startswith("there is nothing to prove: ")
    path = pathlib.Path("/etc/weft/current") / stored_rows.FILE
    for wrong in ("{", "[]", '{"format": 99}', '{"format": 1}'):
        path.write_text(wrong)
        assert refused().endswith("run the playbook weft.fabric.verify, which stores them again")
    path.chmod(0o666)
    assert refused().startswith(f"the file {path.resolve()} is refused: ")
    run_module("host", documents={"pods": {}}, state="absent")
