# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boxes and a kernel are built once, and tools/vm/run.py leaves nothing else behind, however it ends."""

from __future__ import annotations

import json
import os
import pathlib
import signal
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).parents[2] / "tools" / "vm"
RUN = TOOLS / "run.py"
# Ready when machines are there, with a libvirt or without; what then ends them is for a test to say.
END = """
echo ready
read -r _end
exit 3
"""
PLATFORM = {"name": "idle", "box": "debian12", "memory": 256, "cpus": 1, "nics": {"lan1": "192.168.1.11/24"}}
MACHINES = f"""
echo "$1" | {sys.executable} {TOOLS}/machines.py up
{END}"""
# A machine without a disk, which is there until somebody ends it.
DOMAIN = """\
<domain type='qemu'>
  <name>idle</name>
  <memory unit='MiB'>64</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices><interface type='network'><source network='default'/></interface></devices>
</domain>
"""
LIBVIRT = f"""
virsh --quiet net-define /usr/share/libvirt/networks/default.xml
virsh --quiet net-start default
echo "$1" | virsh --quiet create /dev/stdin
{END}"""


def processes(ancestor: int) -> dict[int, str]:
    """What runs below a process: process id to the time of its start and its name."""
    parents, names = {}, {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        name, rest = fields.split("(", 1)[1].rsplit(") ", 1)
        columns = rest.split()
        pid = int(path.parent.name)
        parents[pid], names[pid] = int(columns[1]), f"{columns[19]} {name}"
    found = {ancestor: names.get(ancestor, "")}
    for _depth in parents:
        below = {pid: names[pid] for pid, parent in parents.items() if parent in found and pid not in found}
        if not below:
            break
        found.update(below)
    return found


def alive(pids: dict[int, str]) -> list[str]:
    """Which of these processes are still there."""
    return [name for pid, name in pids.items() if processes(pid)[pid] == name]


def machine() -> dict[str, str]:
    """What a run could leave on this machine, apart from processes and the directory of another run."""
    commands = (["ip", "-brief", "link"], ["ip", "netns"], ["nft", "list", "ruleset"], ["ip", "route"])
    found = {
        " ".join(words): subprocess.run(words, capture_output=True, text=True, check=False).stdout for words in commands
    }
    return {**found, "mounts": pathlib.Path("/proc/self/mounts").read_text(encoding="utf-8")}


@pytest.mark.parametrize("name", ["debian12", "debian13"])
def test_a_box_is_built_once(name: str) -> None:
    first, second = (
        subprocess.run([TOOLS / "build_box.sh", name], capture_output=True, text=True, check=False) for _time in "12"
    )
    assert (second.returncode, second.stderr, second.stdout) == (0, "", first.stdout)
    box = pathlib.Path(second.stdout.strip())
    assert {f"{name}.box", f"{name}.json", "disk", "initrd", "key", "vmlinuz"} == {path.name for path in box.iterdir()}


def test_a_kernel_is_built_once_or_says_why_not() -> None:
    first, second = (
        subprocess.run([TOOLS / "build_kernel.sh"], capture_output=True, text=True, check=False) for _time in "12"
    )
    if second.returncode:
        assert second.stderr.startswith("no User-mode Linux: ")
    else:
        assert (second.stderr, second.stdout) == ("", first.stdout)
        assert os.access(second.stdout.strip(), os.X_OK)


def libvirt_runs() -> bool:
    try:
        return not subprocess.run(
            ["virsh", "--connect", "qemu:///system", "uri"], capture_output=True, check=False
        ).returncode
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("ending", ["Ctrl-C", "SIGTERM", "the command fails"])
@pytest.mark.parametrize(
    "options, script, argument, processes_there",
    [
        pytest.param([], MACHINES, json.dumps([PLATFORM]), ("machines/idle",), id="machines"),
        pytest.param(
            ["--vagrant"],
            LIBVIRT,
            DOMAIN,
            ("libvirtd", "virtlogd", "dnsmasq", "qemu-system"),
            id="libvirt",
            marks=pytest.mark.skipif(libvirt_runs(), reason="run.py uses the libvirt that runs, and starts none"),
        ),
    ],
)
def test_nothing_is_left(
    options: list[str], script: str, argument: str, processes_there: tuple[str, ...], ending: str
) -> None:
    before = machine()
    # A process group of its own that hears Ctrl-C, as a shell gives it to what is run in a terminal.
    run_py = ["env", "--default-signal=INT", sys.executable, str(RUN), *options]
    command = [*run_py, "--", "sh", "-ec", script, "sh", argument]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as run:
        assert run.stdin and run.stdout
        assert "ready\n" in iter(run.stdout.readline, "")
        there = processes(run.pid)
        commands = " ".join(word for pid in there for word in words(pid, "cmdline"))
        for name in processes_there:
            assert name in commands
        homes = {
            line[5:] for pid in there for line in words(pid, "environ") if line.startswith("HOME=/var/tmp/weft-vm-")
        }
        assert len(homes) == 1 and all(map(os.path.isdir, homes))

        if ending == "Ctrl-C":
            os.killpg(run.pid, signal.SIGINT)
        elif ending == "SIGTERM":
            run.send_signal(signal.SIGTERM)
        else:
            run.stdin.write("\n")
            run.stdin.flush()
        status = run.wait()
    assert status == {"Ctrl-C": 130, "SIGTERM": 143, "the command fails": 3}[ending]
    assert alive(there) == []
    assert not any(map(os.path.exists, homes))
    assert machine() == before


def words(pid: int, file: str) -> list[str]:
    """What the kernel says of a process; nothing, if it has ended."""
    try:
        return pathlib.Path(f"/proc/{pid}/{file}").read_text(encoding="utf-8", errors="replace").split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []
