# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module document: what it stores and carries out, and what it refuses."""

from __future__ import annotations

import json
import os
import pathlib
import stat

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    COMMAND,
    DOCUMENT,
    FORWARD,
    PODS,
    WEFT,
    command,
    store,
    succeed,
    tree,
)


def test_missing_arguments(run_module):
    assert "name" in run_module("document", document={})["msg"]
    assert "document" in run_module("document", name="pods")["msg"]


@pytest.mark.older_host
def test_life(run_module):
    """The module: all sections carried out and stored, by the kernel's own word."""
    document = {**DOCUMENT, "sysctl": {FORWARD: 1, "net.ipv4.conf.all.accept_redirects": 0}}
    files = tree()
    with kernel.Monitor("") as monitor:
        check = run_module("document", check=True, name="pods", document=document)
    assert (check["changed"], monitor.changes, tree()) == (True, [], files)

    made = run_module("document", name="pods", document=document)
    assert made["changed"]
    assert made["invocation"]["module_args"]["document"] == sorted(DOCUMENT), "the controller has it already"
    shown = [[diff for diff in done["diff"] if "before_header" not in diff] for done in (check, made)]
    assert shown[0][0] == shown[1][0]
    assert json.loads(PODS.read_text()) == {"format": 1, **DOCUMENT}, "kernel parameters have a file of their own"
    assert kernel.run("sysctl", "-n", FORWARD) == "1\n"
    assert succeed("diff") == ""
    assert json.loads(kernel.run("curl", "-s", "http://10.9.0.2:8000/echo"))["client"] == "10.9.0.1"

    with kernel.Monitor("", "pod1") as monitor:
        again = run_module("document", name="pods", document=document)
    assert (again["changed"], monitor.changes) == (False, [])

    kernel.ip("", "link", "set", "vxlan0", "mtu", "1300")
    repaired = run_module("document", name="pods", document=document)
    assert [diff["after"] for diff in repaired["diff"] if diff["before"] != diff["after"]] == ["link vxlan0 mtu 1400\n"]

    assert run_module("document", name="pods", document=document, persist=False)["changed"]
    assert not WEFT.exists() and kernel.ip_json("", "link", "show", "dev", "vxlan0")

    gone = run_module("document", name="pods", document=document, state="absent")
    assert gone["changed"] and gone.rc == 0, gone
    assert {row["ifname"] for row in kernel.ip_json("", "link", "show")} & {"br0", "veth0", "vxlan0"} == set()
    assert "pod1" not in kernel.namespaces()
    assert (kernel.run("nft", "list", "ruleset"), kernel.run("sysctl", "-n", FORWARD)) == ("", "0\n")
    with kernel.unchanged(""):
        assert not run_module("document", name="pods", document=document, state="absent")["changed"]


@pytest.mark.parametrize(
    ("name", "document", "named"),
    [
        ("../pods", {}, ["name", "'../pods' is refused"]),
        ("pods", {"topology": {"namespaces": {"a/b": {}}}}, ["namespaces", "a/b"]),
        ("pods", {"resync": 100000}, ["document.resync", "86400"]),
        ("pods", {"masquerade": {"rules": [{"source": "10.9.0.1/24"}]}}, ["source", "10.9.0.0/24"]),
        ("pods", {"sysctl": {"ip_forward": 1}}, ["ip_forward", "net.ipv4.ip_forward"]),
    ],
)
def test_refused(name, document, named):
    before = tree()
    message = store(name=name, document=document)["msg"]
    assert [part for part in named if part not in message] == []
    assert "\n" not in message
    assert tree() == before


def test_there_and_back():
    before = tree()
    check = store(check=True, name="pods", document=DOCUMENT)
    assert check["changed"] and tree() == before

    made = store(name="pods", document=DOCUMENT)
    assert made["changed"] and made["diff"] == check["diff"]
    assert (made["file"], made["systemd"]) == (str(PODS), False)
    assert made["unit"].startswith("left out, since systemd does not run here")
    assert stat.S_IMODE(WEFT.stat().st_mode) == 0o700
    assert stat.S_IMODE(PODS.stat().st_mode) == 0o600
    assert json.loads(PODS.read_text()) == {"format": 1, **DOCUMENT}
    assert not pathlib.Path("/etc/systemd/system/weft-fabric.service").exists()
    target = os.readlink(COMMAND)
    assert [str(path) for path in pathlib.Path("/usr/local/lib/weft").iterdir()] == [target]
    assert pathlib.Path(target).name.startswith("weft-fabric-0.1.0-")

    again = store(name="pods", document=DOCUMENT)
    assert (again["changed"], again["diff"]) == (False, [])

    check = store(check=True, name="pods", state="absent")
    gone = store(name="pods", state="absent")
    assert check["changed"] and gone["changed"] and gone["diff"] == check["diff"]
    after = tree()
    assert {path: after[path] for path in after if after[path] != before.get(path)} == {}
    assert before.keys() - after.keys() <= {"/etc/systemd/networkd.conf.d"}
    assert not store(name="pods", state="absent")["changed"]


def test_the_last_document_takes_the_command_along(stored):
    assert store(name="overlay", document={"topology": {"namespaces": {}}})["changed"]
    assert store(name="pods", state="absent")["changed"]
    assert (os.path.exists(COMMAND), [path.name for path in WEFT.iterdir()]) == (True, ["overlay.json"])
    assert store(name="overlay", state="absent")["changed"]
    assert not os.path.lexists(COMMAND) and not WEFT.exists()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is not a document of weft.fabric"),
        ('{"format": 1, "topology": {"names', "is not a document of weft.fabric"),
        ("\0" * 4096, "is not a document of weft.fabric"),
        ("\xff\xfe", "is not a document of weft.fabric"),
        ("[" * 100000, "is not a document of weft.fabric"),
        ("[]", "it has no format number"),
        ('{"topology": {}}', "it has no format number"),
        ('{"format": 0}', "was written by an older weft.fabric (format 0, this one reads 1)"),
        ('{"format": 2}', "was written by a newer weft.fabric (format 2, this one reads 1)"),
        ('{"format": 1, "topology": {"namespaces": {"a/b": {}}}}', "cannot be replayed (namespaces: 'a/b' is refused"),
        ('{"format": 1, "topologie": {}}', "cannot be replayed (document.topologie: {} is refused"),
    ],
)
def test_a_document_that_cannot_be_used(stored, text, told):
    """An error in the journal and in the task; the network stays as it is, and so does the document."""
    succeed("apply")
    kernel.ip("", "link", "set", "br0", "down")
    PODS.write_bytes(text.encode("latin-1"))
    before = tree()
    with kernel.unchanged("", "pod1"):
        for arguments in (["apply"], ["diff"], ["show"]):
            done = command(*arguments)
            assert (done.returncode, done.stdout, done.stderr.count("\n")) == (78, "", 1)
            assert f"weft-fabric: {PODS} " in done.stderr and told in done.stderr
        for name in ("pods", "overlay"):
            message = store(name=name, document=DOCUMENT)["msg"]
            assert told in message and "remove it, and run the playbook weft.fabric.site again" in message
    assert tree() == before
    # teardown takes it away, whatever it is.
    assert store(name="pods", state="absent")["changed"]
    assert not WEFT.exists()


def test_what_somebody_else_has_below_etc_weft_stays(stored):
    (WEFT / "Notes.json").write_text("mine")
    assert store(name="pods", state="absent")["changed"]
    assert [path.name for path in WEFT.iterdir()] == ["Notes.json"]
