# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All of a machine that a lab could leave something behind in, to compare before and after."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import stat
import subprocess

# What the kernel counts, by itself.
VOLATILE = re.compile(
    r"fs/(aio-nr|dentry-state|file-nr|inode-nr|inode-state)|fs/quota/.*|kernel/(ns_last_pid|pty/nr|random/.*)"
    r"|net/netfilter/nf_conntrack_count"
)


def _command(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def _sysctls() -> dict[str, str]:
    values = {}
    root = pathlib.Path("/proc/sys")
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if VOLATILE.fullmatch(name) or not path.is_file() or not path.stat().st_mode & stat.S_IRUSR:
            continue
        try:
            values[name] = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:  # some cannot be read on some machines: they still have to be the same ones
            values[name] = str(error.errno)
    return values


def _files(root: str) -> dict[str, str]:
    found = {}
    for path in [pathlib.Path(root), *pathlib.Path(root).rglob("*")]:
        status = path.lstat()
        content = ""
        if path.is_symlink():
            content = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            content = f"{status.st_mtime_ns} {hashlib.sha256(path.read_bytes()).hexdigest()}"
        found[str(path)] = f"{status.st_mode:o} {status.st_uid}:{status.st_gid} {content}"
    return found


def mounts() -> list[str]:
    """What is mounted, without the numbers that the kernel counts up, and without what is mounted over."""
    found = []
    for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        number, _parent, _device, *rest = line.split()
        try:
            path = os.open(rest[1], os.O_PATH)
        except FileNotFoundError:
            continue
        if f"mnt_id:\t{number}\n" in pathlib.Path(f"/proc/self/fdinfo/{path}").read_text(encoding="utf-8"):
            found.append(" ".join(rest))
        os.close(path)
    return found


def snapshot() -> dict[str, object]:
    """Links, addresses, routes, named namespaces, mounts, sysctls, nftables, /etc, /usr/local, /run, host name."""
    return {
        "links": re.sub(r"\bqlen \d+", "", _command("ip", "-details", "link", "show")),
        "addresses": _command("ip", "-oneline", "address", "show"),
        "routes": _command("ip", "route", "show", "table", "all")
        + _command("ip", "-6", "route", "show", "table", "all"),
        "rules": _command("ip", "rule", "show"),
        "namespaces": _command("ip", "netns", "list"),
        "mounts": mounts(),
        "sysctls": _sysctls(),
        "nftables": _command("nft", "list", "ruleset"),
        "etc": _files("/etc"),
        "usr/local": [_files(f"/usr/local/{directory}") for directory in ("lib", "sbin")],
        "run": _files("/run"),
        "hostname": os.uname().nodename,
    }
