# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: its nodes on this machine, created and removed.

A node consists of three namespaces (network, UTS, mount). Bind mounts of their nsfs files hold them, so no process has
to stay behind (namespaces(7))::

    /run/weft/LAB/             a private tmpfs: a mount namespace cannot be held on a mount that propagates into it
    /run/weft/LAB/NODE/mnt
    /run/weft/LAB/NODE/uts
    /run/weft/LAB/NODE/net     mounted last: a node that has all three is complete

The node ``switches`` holds the lab's bridges. Its own /run/netns has the network namespaces of all other nodes, so that
cables can be connected to them there, and the machine's own /run/netns stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, InvalidParameter

SWITCHES = "switches"

_LABS = "/run/weft"
_KINDS = ("mnt", "uts", "net")
_COMMANDS = ("cp", "ip", "mount", "nsenter", "pivot_root", "taskset", "umount", "unshare")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")  # a host name (at most 64 bytes, uname(2)) and part of a path
_GRACE = 5.0  # seconds for processes to end after SIGTERM, and after SIGKILL

# A process that enters a mount namespace is at its root, even if it comes from a chroot. The setup has to run there.
_GO_TO_ROOT = 'exec nsenter --mount=/proc/self/ns/mnt sh -c "$1" sh "$2" 3< /'

# Runs inside the new namespaces, and holds them until read ends: when the caller has mounted them, or has died.
_SETUP = r"""
set -e
cd /proc/self/fd/3
root=$(pwd -P)
exec 3<&-
if [ "$root" != / ]; then
    # The caller's root, that of a chroot, becomes the node's.
    mount --no-mtab --rbind "$root" "$root"
    cd "$root"
    pivot_root . .
    umount --no-mtab --lazy .
fi
cd /
echo "$1" > /proc/sys/kernel/hostname
mount --no-mtab -t sysfs sysfs /sys
mount --no-mtab -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/etc
mount --no-mtab -t tmpfs -o mode=0755 tmpfs /run/etc
cp -a /etc/. /run/etc
mount --no-mtab --move /run/etc /etc
rmdir /run/etc
# Persistence installs a command below /usr/local, and CNI keeps addresses below /var/lib. The machine's own files
# there, perhaps Python, stay visible.
for own in /usr/local /var/lib; do
    mkdir /run/own
    mount --no-mtab -t tmpfs -o mode=0755 tmpfs /run/own
    mkdir /run/own/upper /run/own/work
    mount --no-mtab -t overlay -o lowerdir=$own,upperdir=/run/own/upper,workdir=/run/own/work overlay $own
    umount --no-mtab /run/own
    rmdir /run/own
done
echo "$1" > /etc/hostname
# Otherwise sudo in the node would ask a name server, and the lab has none.
printf '127.0.1.1\t%s\n' "$1" >> /etc/hosts
ip link set lo up
# A new namespace copies the machine's IPv4 settings, but a node starts as a host, even on a machine that forwards.
echo 0 > /proc/sys/net/ipv4/ip_forward
# The inventory ensures that addresses are unique, so that interfaces need no duplicate address detection.
for setting in /proc/sys/net/ipv6/conf/all/accept_dad /proc/sys/net/ipv6/conf/default/accept_dad; do
    [ ! -e "$setting" ] || echo 0 > "$setting"
done
echo ready
read -r _ || :
"""


def enter(lab: str, node: str) -> list[str]:
    """The words to put before a command that runs in a node (nsenter(1))."""
    files = _namespace_files(lab, node)
    return ["nsenter", f"--net={files['net']}", f"--uts={files['uts']}", f"--mount={files['mnt']}"]


def exists(lab: str, node: str) -> bool:
    """Whether a node exists and is complete. Needs no privilege."""
    return all(map(_is_mounted, _namespace_files(lab, node).values()))


def one_line(output: str) -> str:
    """A command's output as part of a message."""
    return "; ".join(line.strip() for line in output.splitlines() if line.strip())


def check_name(parameter: str, value: str) -> None:
    """Refuse a name that cannot be a host name and part of a path."""
    if not _NAME.fullmatch(value):
        raise InvalidParameter(
            parameter, value, "a name of at most 64 letters, digits, dots, hyphens and underscores is needed"
        )


def check_machine() -> None:
    """Refuse a machine without root, the commands of a lab, or a /proc that shows this process."""
    if os.geteuid() != 0:
        raise FabricError(
            "a lab needs root on this machine: run ansible-playbook as root, or as a user with sudo add --become "
            "--ask-become-pass"
        )
    missing = [command for command in _COMMANDS if shutil.which(command) is None]
    if missing:
        raise FabricError(f"a lab needs the commands {', '.join(missing)}: install util-linux, coreutils and iproute2")
    if os.readlink("/proc/self") != str(os.getpid()):
        # Namespaces would be held, and processes ended, of other processes than meant.
        raise FabricError("/proc is that of another PID namespace: mount it afresh (mount -t proc proc /proc)")


def nodes(lab: str) -> dict[str, bool]:
    """The nodes in the lab's directory: by name, whether each is complete."""
    try:
        names = sorted(os.listdir(f"{_LABS}/{lab}"))
    except FileNotFoundError:
        return {}
    return {name: exists(lab, name) for name in names}


def is_there(lab: str) -> bool:
    """Whether anything of the lab exists, complete or not."""
    return os.path.isdir(f"{_LABS}/{lab}")


def plan(wanted: set[str], found: dict[str, bool]) -> tuple[list[str], list[str]]:
    """The nodes to remove, and then the nodes to create, in this order. Pure.

    :param wanted: the names of the lab's nodes, without ``switches``.
    :param found: the result of nodes().
    """
    if not found.get(SWITCHES):
        # The nodes are in the /run/netns of the previous switches. Without those, all nodes are made again.
        return sorted(found), [SWITCHES, *sorted(wanted)]
    keep = {name for name, complete in found.items() if complete and name in wanted | {SWITCHES}}
    return sorted(set(found) - keep), sorted(wanted - keep)


def create(lab: str, node: str) -> None:
    """Create one node. The node ``switches`` is created first."""
    _prepare(lab)
    files = _namespace_files(lab, node)
    os.mkdir(f"{_LABS}/{lab}/{node}", 0o755)
    for path in files.values():
        with open(path, "x", encoding="ascii"):
            pass
    with _holdable_namespaces(node, files["mnt"]) as process:
        if node != SWITCHES:
            _run(*enter(lab, SWITCHES), "ip", "netns", "attach", node, str(process))
        for kind in ("uts", "net"):
            _hold(process, kind, files[kind])


def remove(lab: str, node: str) -> None:
    """Remove one node, and end the processes in it."""
    _end_processes(lab, [node])
    if node != SWITCHES and exists(lab, SWITCHES):
        listed = _run(*enter(lab, SWITCHES), "ip", "netns", "list").splitlines()
        if node in (line.split()[0] for line in listed):
            _run(*enter(lab, SWITCHES), "ip", "netns", "delete", node)
    _remove_tree(f"{_LABS}/{lab}/{node}")


def remove_lab(lab: str) -> None:
    """Remove everything of a lab, even if the lab is incomplete."""
    _end_processes(lab, list(nodes(lab)))
    _remove_tree(f"{_LABS}/{lab}")
    with contextlib.suppress(OSError):  # not empty: there is another lab
        os.rmdir(_LABS)


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise FabricError(f"{' '.join(command)} fails: {one_line(done.stderr) or f'status {done.returncode}'}")
    return done.stdout


def _namespace_files(lab: str, node: str) -> dict[str, str]:
    """The files that hold a node's namespaces, by the kernel's names for their types (proc_pid_ns(5))."""
    return {kind: f"{_LABS}/{lab}/{node}/{kind}" for kind in _KINDS}


def _is_mounted(path: str) -> bool:
    """Whether a path is a mount point; False if it does not exist.

    mountinfo would not do: it also lists mounts that other mounts at the same path hide.
    """
    try:
        return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev
    except FileNotFoundError:
        return False


def _prepare(lab: str) -> None:
    directory = f"{_LABS}/{lab}"
    os.makedirs(directory, 0o755, exist_ok=True)
    if not _is_mounted(directory):
        _run("mount", "--no-mtab", "-t", "tmpfs", "-o", "mode=0755", "tmpfs", directory)
    _run("mount", "--no-mtab", "--make-private", directory)


def _hold(process: int, kind: str, path: str) -> None:
    """Keep a namespace of a process after the process has ended."""
    # Without --no-mtab, here and elsewhere, libmount would leave its own /run/mount behind.
    _run("mount", "--no-mtab", "--bind", f"/proc/{process}/ns/{kind}", path)


@contextlib.contextmanager
def _holdable_namespaces(node: str, path: str) -> Iterator[int]:
    """New namespaces as from _new_namespaces(), with the mount namespace already held.

    The kernel lets a mount namespace hold only those with a higher id than its own (fs/namespace.c: mnt_ns_loop).
    Since Linux 6.18 each CPU assigns ids from a batch of its own (kernel/nstree.c), so a newer namespace may have a
    lower id. The CPU that created our own namespace never assigns a lower id, but which CPU that was is unknown.
    """
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        with _new_namespaces(node, cpu) as process:
            try:
                _hold(process, "mnt", path)
            except FabricError:
                if cpu == cpus[-1]:
                    raise
                continue
            yield process
            return


@contextlib.contextmanager
def _new_namespaces(node: str, cpu: int) -> Iterator[int]:
    """The id of a process in new namespaces, created on a CPU and set up for a node. It ends with the block."""
    unshare = ["unshare", "--net", "--uts", "--mount", "--propagation=private"]
    command = ["taskset", "--cpu-list", str(cpu), *unshare, "sh", "-c", _GO_TO_ROOT, "sh", _SETUP, node]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or process.stdout.readline() != "ready\n":
            raise FabricError(f"cannot make lab node {node}: {one_line(process.communicate()[1])}")
        yield process.pid


def _remove_tree(directory: str) -> None:
    """Unmount everything at and below a directory, and remove the directory.

    Removing a mount point also detaches it in every other mount namespace (since Linux 3.18), so that none of them
    keeps a node's namespaces alive.
    """
    for parent, _directories, names in os.walk(directory, topdown=False):
        for path in [f"{parent}/{name}" for name in names]:
            while _is_mounted(path):
                _run("umount", "--no-mtab", path)
            os.unlink(path)
    while _is_mounted(directory):
        _run("umount", "--no-mtab", directory)
    if os.path.isdir(directory):
        shutil.rmtree(directory)


def _namespaces_of(process: str) -> set[str]:
    """A process's namespaces of the types that a node has, as ``net:[4026531840]``.

    Empty if the process has ended, or a security module hides it from root: a lab starts no such process.
    """
    try:
        return {os.readlink(f"/proc/{process}/ns/{kind}") for kind in _KINDS}
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return set()


def _processes(namespaces: set[str]) -> dict[int, int]:
    """The processes in any of the namespaces: by id, a pidfd that the caller has to close."""
    found = {}
    for process in filter(str.isdecimal, os.listdir("/proc")):
        if namespaces & _namespaces_of(process):
            with contextlib.suppress(ProcessLookupError):
                found[int(process)] = os.pidfd_open(int(process))
    return found


def _end_processes(lab: str, names: list[str]) -> None:
    """End the processes in the nodes with SIGTERM, and those that stay with SIGKILL.

    One of a node's namespaces is enough: ``ip netns exec`` leaves its network and mount namespaces, but not its UTS
    namespace.
    """
    held = set()
    for name in names:
        for kind, path in _namespace_files(lab, name).items():
            if _is_mounted(path):
                held.add(f"{kind}:[{os.stat(path).st_ino}]")
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _GRACE
        while processes := _processes(held):
            try:
                for pidfd in processes.values():
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(pidfd, number)
                if not _all_end(list(processes.values()), deadline):
                    break
            finally:
                for pidfd in processes.values():
                    os.close(pidfd)
        else:
            return
    raise FabricError(f"processes of lab {lab} do not end: {', '.join(map(str, sorted(processes)))}")


def _all_end(pidfds: list[int], deadline: float) -> bool:
    """Wait for all processes to end, until the deadline (time.monotonic)."""
    poll = select.poll()
    for pidfd in pidfds:
        poll.register(pidfd, select.POLLIN)
    running = set(pidfds)
    while running:
        ended = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        if not ended:
            return False
        for pidfd, _event in ended:
            poll.unregister(pidfd)
            running.discard(pidfd)
    return True
