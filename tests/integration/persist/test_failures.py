# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A full disk, and runs that are killed between two steps."""

from __future__ import annotations

import copy

from ansible_collections.weft.fabric.plugins.module_utils.host import generation, install
from ansible_collections.weft.fabric.plugins.module_utils.host.generation import Generation
from ansible_collections.weft.fabric.tests.integration import kernel
from ansible_collections.weft.fabric.tests.integration.persist.host import (
    CONFIRMED,
    DOCUMENT,
    WEFT,
    command,
    generation_of,
    killed_at,
    text,
    tree,
)


def test_a_full_disk(run_module):
    """An error; the network stays as it is, the old generation is kept, and nothing is left beside it."""
    WEFT.mkdir()
    kernel.run("mount", "-t", "tmpfs", "-o", "size=20k,mode=0700", "tmpfs", str(WEFT))
    try:
        assert run_module("host", documents={"pods": DOCUMENT})["changed"]
        old = tree()
        larger = copy.deepcopy(DOCUMENT)
        larger["topology"]["namespaces"][""]["links"] += [
            {"name": f"br{number}", "kind": "bridge", "addresses": [f"10.{number // 250 + 20}.{number % 250}.1/24"]}
            for number in range(1, 400)
        ]
        with kernel.unchanged(""):
            message = run_module("host", documents={"pods": larger})["msg"]
        assert "No space left on device (ENOSPC); make room" in message and "\n" not in message
        assert (tree(), text()) == (old, {"pods": DOCUMENT})
        assert command("diff").returncode == 0
        assert run_module("host", documents={"pods": {}}, state="absent")["changed"]
        assert list(WEFT.iterdir()) == []
    finally:
        kernel.run("umount", str(WEFT))


def _settle(new: Generation) -> None:
    """All that is written for a generation."""
    new = new._replace(number=generation.next_number())
    generation.begin(new)
    install.apply([new.documents], systemd=False)
    generation.become_current(new)
    generation.confirm(new)
    generation.finish(new, confirmed=True)


def test_killed_between_any_two_steps(monkeypatch):
    """From nothing to a generation, to another one, and to nothing: each killed before each of its steps."""
    monkeypatch.setattr(install, "run", lambda *_words: None)  # the command itself changes nothing
    other = copy.deepcopy(DOCUMENT)
    other["topology"]["namespaces"][""]["links"][0]["name"] = "br1"
    other["topology"]["namespaces"][""]["links"][1]["controller"] = "br1"
    stages = [generation_of(), generation_of(pods=DOCUMENT), generation_of(pods=other), generation_of()]
    for before, after in zip(stages, stages[1:]):
        _settle(after)
        wanted = {path: found for path, found in tree().items() if "/etc/weft" not in path}
        step = 1
        while True:
            _settle(before)
            if not killed_at(step, lambda after=after: _settle(after)):
                break
            record = generation.read()
            for found in record.known:
                assert found.asks_for(before.documents) or found.asks_for(after.documents), "a generation is whole"
            _settle(after)
            assert {path: found for path, found in tree().items() if "/etc/weft" not in path} == wanted, f"step {step}"
            assert not install.interrupted()
            assert not [path for path in tree() if path.endswith(".weft-new")]
            step += 1
        assert step > 10
    assert not WEFT.exists() and not CONFIRMED.exists()
