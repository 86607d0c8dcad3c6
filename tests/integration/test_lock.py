# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One process at a time changes a host, and only root can keep others from it."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import pathlib
import signal
import stat
import subprocess

import pytest

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.errors import KernelError

NOBODY = 65534


def as_nobody(*words: str) -> subprocess.CompletedProcess[str]:
    command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_user_cannot_hold_the_lock() -> None:
    with files.alone():
        assert stat.S_IMODE(os.stat(files.LOCK).st_mode) == 0o600
        assert os.stat(files.LOCK).st_uid == 0
        assert as_nobody("flock", "--nonblock", files.LOCK, "true").returncode == 66
    assert as_nobody("flock", "--nonblock", files.LOCK, "true").returncode == 66


@pytest.mark.parametrize("locked", ["/run", "/run/netns", "/etc"])
def test_locks_of_users_on_directories_do_not_matter(run_module, ns, locked: str) -> None:
    netns = ns()
    command = ["setpriv", f"--reuid={NOBODY}", "--clear-groups", "flock", locked, "sh", "-c", "echo held; exec cat"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as user:
        assert user.stdout and user.stdin and user.stdout.readline() == b"held\n"
        assert run_module("bridge", name="br0", netns=netns)["changed"]
        user.stdin.close()


def test_the_holder_is_named_after_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LOCK_LIMIT", 0.2)
    script = f"printf %s $$ >{files.LOCK}; echo $$; exec cat"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(["flock", files.LOCK, "sh", "-c", script], **pipes) as holder:  # type: ignore[call-overload]
        process = holder.stdout.readline().strip()
        named = f"lock {files.LOCK}: .*; process {process} changes this host for 0 s: wait for its end, or end it"
        with pytest.raises(KernelError, match=named), files.alone():
            pass
        holder.stdin.close()
    with files.alone():
        pass
    assert not pathlib.Path(files.LOCK).exists()


def test_a_killed_holder_leaves_no_lock() -> None:
    holder = subprocess.Popen(["flock", files.LOCK, "sh", "-c", "echo held; exec cat"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, start_new_session=True)  # fmt: skip
    assert holder.stdout and holder.stdout.readline() == b"held\n"
    os.killpg(holder.pid, signal.SIGKILL)
    holder.wait()
    with files.alone():
        pass
    assert not pathlib.Path(files.LOCK).exists()


def count(path: str, times: int) -> None:
    """Read, and write one more, which loses counts if two do so at a time."""
    for _time in range(times):
        with files.alone():
            number = int(pathlib.Path(path).read_text(encoding="utf-8"))
            pathlib.Path(path).write_text(str(number + 1), encoding="utf-8")


def test_many_at_once(tmp_path: pathlib.Path) -> None:
    """The file is removed and created again all the time, and still there is one holder."""
    path = tmp_path / "count"
    path.write_text("0", encoding="utf-8")
    context = multiprocessing.get_context("fork")
    processes = [context.Process(target=count, args=(str(path), 25)) for _process in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert path.read_text(encoding="utf-8") == "100"


def test_a_link_in_the_place_of_the_file_is_refused(tmp_path: pathlib.Path) -> None:
    os.symlink(tmp_path / "elsewhere", files.LOCK)
    try:
        with pytest.raises(KernelError, match=f"cannot lock {files.LOCK}: .*ELOOP"), files.alone():
            pass
    finally:
        os.unlink(files.LOCK)
    assert not (tmp_path / "elsewhere").exists()


def test_the_lock_is_released_for_other_programs() -> None:
    with files.alone():
        pass
    with open(files.LOCK, "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.unlink(files.LOCK)
