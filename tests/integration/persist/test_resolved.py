# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values that only the host knows: found once, stored in the generation, and not looked up again by the host itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import CONFIRMED, command, succeed

OVERLAY: dict[str, Any] = {
    "topology": {
        "namespaces": {
            "": {
                "links": [
                    {"name": "nic0", "expects": ["192.0.2.1"]},
                    {"name": "vx0", "kind": "vxlan", "vni": 7, "dev": "nic0", "mtu": "auto", "local": "192.0.2.1"},
                ],
                "fdb": [{"dev": "vx0", "lladdr": "02:00:00:00:00:07", "dst": "192.0.2.7"}],
            }
        }
    }
}
PODS: dict[str, Any] = {
    "topology": {"namespaces": {"": {"links": [{"name": "br7", "kind": "bridge", "mtu": "auto", "mtu_of": "vx0"}]}}}
}
DOCUMENTS = {"overlay": OVERLAY, "pods": PODS}


def nic(mtu: int) -> None:
    kernel.ip_batch("", f"link add nic0 mtu {mtu} up type veth peer name far0 mtu {mtu}", "link set far0 up",
                    "address add 192.0.2.1/24 dev nic0")  # fmt: skip


def mtus() -> dict[str, int]:
    return {link["ifname"]: link["mtu"] for link in kernel.ip_json("", "link") if link["ifname"] in ("vx0", "br7")}


@pytest.fixture(autouse=True)
def _generation(run_module: Any) -> Iterator[None]:
    """A generation of a NIC with large frames."""
    nic(9000)
    try:
        assert run_module("host", documents=DOCUMENTS)["changed"]
        assert mtus() == {"vx0": 8950, "br7": 8950}
        yield
        run_module("host", documents={role: {} for role in DOCUMENTS}, state="absent")
    finally:
        kernel.ip("", "link", "delete", "nic0")


def test_they_are_in_the_generation(run_module: Any) -> None:
    stored = json.loads(CONFIRMED.read_text())
    assert stored["resolved"] == {"topology": {"": {"vx0": 8950, "br7": 8950}}}
    assert stored["documents"]["overlay"]["content"] == OVERLAY, "the documents say what they said"
    with kernel.unchanged(""):
        assert not run_module("host", documents=DOCUMENTS)["changed"]
        assert succeed("diff") == ""


def test_a_nic_that_is_late_with_its_mtu(run_module: Any) -> None:
    """The unit waits for it, and arrives at the same generation. What does not need the NIC is made at once."""
    kernel.ip_batch("", "link delete vx0", "link delete br7", "link set nic0 mtu 1500")
    early = command("apply")
    assert early.returncode == 1
    assert "mtu: 8950 is refused: nic0 has 1500, and vxlan takes 50 of it: at most 1450" in early.stderr
    assert mtus() == {"br7": 8950}
    kernel.ip("", "link", "set", "nic0", "mtu", "9000")
    assert "overlay: + link vx0 type vxlan" in succeed("apply")
    assert mtus() == {"vx0": 8950, "br7": 8950}
    assert succeed("diff") == ""
    with kernel.unchanged(""):
        assert not run_module("host", documents=DOCUMENTS)["changed"]


def test_a_nic_whose_mtu_has_changed(run_module: Any) -> None:
    """The host repairs everything else, and says it; the next run of the playbook finds new values."""
    kernel.ip_batch("", "link set nic0 mtu 1500", "link set br7 mtu 1450")
    kernel.bridge("", "fdb", "delete", "02:00:00:00:00:07", "dev", "vx0", "dst", "192.0.2.7")
    repaired = command("apply")
    assert repaired.returncode == 0, repaired
    assert "pods: + link br7 mtu 8950" in repaired.stdout and "+ fdb vx0" in repaired.stdout
    told = (
        "nic0 would give link vx0 an MTU of 1450 by now, and it keeps 8950: run the playbook again if that is to change"
    )
    assert repaired.stderr.count(told) == 1
    status = json.loads(succeed_or_differ("status", "--json"))
    assert (status["drift"], status["error"]) == ([], "")
    assert status["warnings"] == [f"overlay: {told} change"]
    assert f"warnings    overlay: {told}" in succeed_or_differ("status")
    done = run_module("host", documents=DOCUMENTS)
    assert (done["generation"], mtus()) == (2, {"vx0": 1450, "br7": 1450}), done
    assert json.loads(CONFIRMED.read_text())["resolved"] == {"topology": {"": {"vx0": 1450, "br7": 1450}}}
    assert json.loads(succeed("status", "--json"))["warnings"] == []


def succeed_or_differ(*arguments: str) -> str:
    done = command(*arguments)
    assert done.returncode in (0, 2), done
    return done.stdout


def test_a_rollback_takes_the_values_of_its_generation(run_module: Any) -> None:
    kernel.ip("", "link", "set", "nic0", "mtu", "1500")
    run_module("host", documents=DOCUMENTS)
    assert mtus() == {"vx0": 1450, "br7": 1450}
    kernel.ip("", "link", "set", "nic0", "mtu", "9500")
    succeed("rollback", "1")
    assert mtus() == {"vx0": 8950, "br7": 8950}
    assert json.loads(CONFIRMED.read_text())["resolved"] == {"topology": {"": {"vx0": 8950, "br7": 8950}}}


def test_an_address_that_comes_late(run_module: Any) -> None:
    """The address of the underlay is in the document, and the host waits for it."""
    kernel.ip_batch("", "link delete vx0", "address delete 192.0.2.1/24 dev nic0")
    early = command("apply")
    assert (early.returncode, "192.0.2.1 is not on nic0" in early.stderr) == (1, True)
    kernel.ip("", "address", "add", "192.0.2.1/24", "dev", "nic0")
    succeed("apply")
    assert mtus() == {"vx0": 8950, "br7": 8950}
