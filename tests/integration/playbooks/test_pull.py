# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fabric without a controller: all hosts pull at once, and what they made is what a controller would have."""

from __future__ import annotations

import pathlib

from ansible_collections.weft.fabric.tests.bench import mesh
from ansible_collections.weft.fabric.tests.bench.pull import pull, repository
from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import standing


def test_hosts_that_pull_at_once_make_the_fabric(tmp_path: pathlib.Path) -> None:
    hosts = [mesh.name(number) for number in range(3)]
    inventory = mesh.inventory(3)
    with standing(tmp_path, inventory) as fabric:
        url = repository(tmp_path / "repository", inventory)
        for host, (status, said) in pull(tmp_path, fabric.lab, hosts, url).items():
            assert status == 0, f"{host}: {said}"
        done = fabric.ok("site")
        assert done.changed == {}, done.text
        assert " pairs hold, 0 fail" in done.text
