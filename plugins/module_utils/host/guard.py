# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guard of an unconfirmed generation: without a confirmation in time, the host goes back by itself.

The guard is armed before the first change, and is a process of its own. So it does not depend on the controller, on its
connection, or on the run that armed it. It is a timer of systemd; without systemd, a process that waits. The end of its
time is in a file in /run, because each contact of the same run starts the time again. A host that restarts needs no
guard, because it starts with its confirmed generation. Sources: systemd-run(1), flock(2), proc(5).
"""

from __future__ import annotations

import errno
import os
import re
import select
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils import files
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError, KernelError
from ansible_collections.weft.fabric.plugins.module_utils.host import notes
from ansible_collections.weft.fabric.plugins.module_utils.host.systemd import COMMAND, run, systemd_runs

PATIENCE = 10.0
"""Seconds that a run may hold the lock when the time is over."""
_STEP = 1.0  # seconds between two looks at the note
_UNIT = "weft-fabric-guard-{}"


class Guard(NamedTuple):
    """A guard that waits.

    :ivar generation: the number of the generation that it guards.
    :ivar seconds: the time for a confirmation.
    :ivar until: the end of that time, by the clock that starts with the host.
    :ivar plan: identifies the run that is to confirm.
    """

    generation: int
    seconds: int
    until: float
    plan: str

    @property
    def left(self) -> float:
        """The seconds that are left."""
        return max(0.0, self.until - _now())


def _now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def waiting() -> Guard | None:
    """The guard of this host; None: there is none."""
    note = notes.read(notes.GUARD)
    return Guard(**note) if note else None


def arm(generation: int, seconds: int, plan: str) -> None:
    """Let a guard wait, instead of one that may wait already.

    :raises FabricError: it cannot be started.
    """
    former = waiting()
    notes.write(notes.GUARD, generation=generation, seconds=seconds, until=_now() + seconds, plan=plan)
    _stop_timer(former)
    words = [COMMAND, "guard", str(generation)]
    if systemd_runs():
        timer = [f"--on-active={seconds}", "--timer-property=AccuracySec=1s"]
        # The pods' servers that it starts keep running. If it is killed, it starts again.
        service = ["--collect", "--property=KillMode=process", "--property=Restart=on-failure"]
        run("systemd-run", "--quiet", f"--unit={_UNIT.format(generation)}", *service, *timer, *words)
    else:
        # Part of nobody's session: neither its end nor the care for its connection (lifeline.py) concerns the guard.
        own = {name: value for name, value in os.environ.items() if name != "SSH_CONNECTION"}
        shell = ["sh", "-c", '"$@" </dev/null >/dev/null 2>&1 &', "sh", *words]
        subprocess.run(shell, env=own, cwd="/", start_new_session=True, check=False)


def contact(plan: str | None = None) -> None:
    """Start the time again.

    :param plan: only if this run is to confirm.
    """
    guard = waiting()
    if guard and (plan is None or plan == guard.plan):
        notes.write(notes.GUARD, **guard._replace(until=_now() + guard.seconds)._asdict())


def disarm() -> None:
    """Let no guard wait. Its process finds that out by itself."""
    guard = waiting()
    files.remove(notes.GUARD)
    _stop_timer(guard)


def _stop_timer(guard: Guard | None) -> None:
    if guard and systemd_runs():
        with suppress(FabricError):  # it is over already
            run("systemctl", "stop", f"{_UNIT.format(guard.generation)}.timer")


def wait(generation: int) -> bool:
    """Wait for the end of a guard's time.

    :returns: False: the generation has been confirmed, or another guard waits.
    """
    while (guard := waiting()) and guard.generation == generation and guard.left:
        time.sleep(min(_STEP, guard.left))
    return is_over(generation)


def is_over(generation: int) -> bool:
    """Whether the time of a generation's guard is over."""
    guard = waiting()
    return guard is not None and guard.generation == generation and not guard.left


@contextmanager
def alone() -> Iterator[None]:
    """Take the lock of this host. A run that does not release it is ended."""
    with ExitStack() as stack:
        patience = PATIENCE
        while True:
            try:
                stack.enter_context(files.alone(patience))
                break
            except KernelError as error:
                if error.code != errno.EWOULDBLOCK:
                    raise
                end_holder()
                patience = _STEP
        yield


def end_holder() -> None:
    """End the process that holds the lock.

    The file says its number. Only root can have written it; but it may be the number of another process by now.
    """
    holder = (files.read(files.LOCK) or b"").decode(errors="replace")
    if not holder.isdecimal():
        return
    with suppress(ProcessLookupError, FileNotFoundError):  # it has just ended
        descriptor = os.pidfd_open(int(holder))
        try:
            if _holds_lock(holder):
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                select.select([descriptor], [], [])
        finally:
            os.close(descriptor)


def _holds_lock(process: str) -> bool:
    """Whether a process has an open file by which it holds the lock."""
    lock = os.stat(files.LOCK)
    for number in os.listdir(f"/proc/{process}/fd"):
        with suppress(FileNotFoundError):  # it has just been closed
            if os.path.samestat(os.stat(f"/proc/{process}/fd/{number}"), lock):
                with open(f"/proc/{process}/fdinfo/{number}", encoding="ascii") as file:
                    if re.search(r"^lock:.*\bFLOCK\b.*\bWRITE\b", file.read(), re.MULTILINE):
                        return True
    return False
