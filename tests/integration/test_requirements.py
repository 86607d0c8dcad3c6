# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module needs of a host: pyroute2, where it makes links, and root."""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

from ansible_collections.weft.fabric.tests.integration.kernel import Monitor, ip

MAC = "02:00:5e:00:00:01"


@pytest.fixture
def place(ns) -> str:
    """A namespace with a link and a VXLAN."""
    name: str = ns()
    for command in (
        "link add under0 type veth peer name port0",
        "link add vxlan0 type vxlan id 99 dstport 4789",
        "link set under0 up",
    ):
        ip(name, *command.split())
    return name


@pytest.mark.older_host
def test_pyroute2_is_missing(run_module, place: str, tmp_path: pathlib.Path, monkeypatch) -> None:
    (tmp_path / "pyroute2.py").write_text('raise ImportError("No module named pyroute2")\n', encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}")
    for module, arguments in (
        ("bridge", {"name": "b"}),
        ("topology_info", {"namespaces": [place]}),
    ):
        with Monitor(place) as monitor:
            result = run_module(module, **({} if module == "topology_info" else {"netns": place}), **arguments)
        assert re.search(
            r"pyroute2 cannot be imported by .*python.*: install the package python3-pyroute2", result["msg"]
        )
        assert "\n" not in result["msg"]
        assert monitor.changes == []
    # Only links need it.
    for module, arguments in (
        ("address", {"dev": "under0", "addresses": ["10.77.0.1/24"]}),
        ("route", {"routes": [{"dst": "10.78.0.0/16", "via": "10.77.0.2", "dev": "under0", "onlink": True}]}),
        ("vxlan_neigh", {"dev": "vxlan0", "entries": [{"dst": "10.3.1.0", "lladdr": MAC}]}),
    ):
        for state in ("present", "absent"):
            result = run_module(module, netns=place, state=state, **arguments)
            assert result.get("changed"), result


@pytest.mark.parametrize("netns", [False, True])
def test_not_root(netns: bool, place: str, tmp_path: pathlib.Path) -> None:
    program = "import json, sys\nfrom ansible_collections.weft.fabric.plugins.modules import bridge\nbridge.main()\n"
    arguments = {"name": "b7", **({"netns": place} if netns else {})}
    with Monitor("", place) as monitor:
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c", program],
            input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
            capture_output=True,
            text=True,
            cwd="/",
            env={**os.environ, "HOME": "/"},
            check=False,
        )
    result = json.loads(done.stdout)
    assert "Traceback" not in done.stderr
    assert result["failed"] and "set 'become: true'" in result["msg"] and "\n" not in result["msg"]
    assert monitor.changes == []
