# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packets from pod to pod: over the overlay of site.yml against the one that the article's commands make."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess

from ansible_collections.weft.fabric.plugins.module_utils.host import lab
from ansible_collections.weft.fabric.tests.bench.measure import (
    HERE,
    PLAYBOOKS,
    Row,
    Section,
    alternate,
    command,
    new_lab,
    playbook,
    require,
)

ADDRESS = "172.2.1.2"
ECHOES = 10_000
MEBIBYTES = 256
MOST = 1 / 0.98  # of the time: at least 0.98 of the throughput
TEXT = f"""\
Both overlays exist at the same time, each in its own lab with the hosts of `inventories/lab.yml`. TCP is one stream of
iperf3 from pod1 to pod2 and back, timed by the receiver. Echo requests are {ECHOES:,} requests of `ping -f`, each sent
when the previous one has been answered. These are seconds on the clock, so they include the machine's other work. The
transfers are therefore short and many, and each side goes first as often as second."""


def section(home: pathlib.Path, repetitions: int) -> Section:
    """Throughput and latency between the scenario's pods."""
    for name, playbook_file, more in (
        ("ours", PLAYBOOKS / "site.yml", ["--skip-tags", "verify"]),
        ("theirs", HERE / "article.yml", []),
    ):
        playbook(home, *new_lab(home, name), *more, str(playbook_file))

    ours, theirs = alternate(repetitions, lambda: _measure("ours"), lambda: _measure("theirs"))
    rows = [
        Row(f"{what}, overlay of site.yml", ours[what], "overlay of article.yml", theirs[what], MOST) for what in ours
    ]
    return Section("From pod to pod", rows, TEXT)


def _measure(name: str) -> dict[str, float]:
    client = [*lab.enter(name, "network-1"), "ip", "netns", "exec", "pod1"]
    _cpu, said = command(*client, "ping", "-q", "-f", "-c", str(ECHOES), ADDRESS)
    require(" 0% packet loss" in said, f"lab {name}: {said}")
    milliseconds = int(re.findall(r" time (\d+)ms", said)[0])
    return {
        f"{MEBIBYTES} MiB by TCP": _transfer(name, client),
        f"{MEBIBYTES} MiB by TCP back": _transfer(name, client, "--reverse"),
        f"{ECHOES:,} echo requests": milliseconds / 1000,
    }


def _transfer(name: str, client: list[str], *options: str) -> float:
    """The seconds that ``MEBIBYTES`` take."""
    iperf3 = ["timeout", "120", "iperf3"]
    server = [*lab.enter(name, "network-2"), "ip", "netns", "exec", "pod2", *iperf3, "--server", "--one-off"]
    with subprocess.Popen([*server, "--forceflush"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            require(any("listening" in line for line in process.stdout), f"lab {name}: no server of iperf3")
            words = ["--json", "--interval", "0", "--bytes", f"{MEBIBYTES}M", "--client", ADDRESS, *options]
            said = json.loads(command(*client, *iperf3, *words)[1])
        finally:
            process.terminate()
    require("error" not in said, f"lab {name}: {said.get('error')}")
    return float(said["end"]["sum_received"]["seconds"])
