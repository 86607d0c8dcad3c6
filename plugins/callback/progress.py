# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: notification
short_description: Report how many hosts have finished a task
version_added: 0.1.0
author:
  - The weft.fabric authors (@weft-fabric)
description:
  - While a task runs on many hosts, reports on standard error every few seconds how many of them have finished.
    Standard output does not change.
  - Reports nothing for plays with few hosts, tasks that finish sooner, handlers, and tasks with C(run_once).
requirements:
  - Enable the callback with C(callbacks_enabled=weft.fabric.progress) in the section C([defaults]) of C(ansible.cfg),
    or with E(ANSIBLE_CALLBACKS_ENABLED=weft.fabric.progress).
options:
  interval:
    description: Seconds between two reports.
    type: float
    default: 5
    env:
      - name: WEFT_PROGRESS_INTERVAL
    ini:
      - section: callback_weft_progress
        key: interval
  hosts:
    description: Smallest number of hosts in a play for which to report.
    type: int
    default: 20
    env:
      - name: WEFT_PROGRESS_HOSTS
    ini:
      - section: callback_weft_progress
        key: hosts
"""

import time
from collections import Counter
from typing import Any

from ansible.executor.task_result import CallbackTaskResult
from ansible.playbook.play import Play
from ansible.playbook.task import Task
from ansible.plugins.callback import CallbackBase
from ansible.utils.display import Display


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "weft.fabric.progress"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, display: Display | None = None, options: dict[str, Any] | None = None) -> None:
        super().__init__(display, options)
        self._hosts = 0
        self._done: Counter[str] = Counter()
        self._started: dict[str, float] = {}
        self._said = 0.0

    def v2_playbook_on_play_start(self, play: Play) -> None:
        variables = play.get_variable_manager().get_vars(play=play, include_hostvars=False)
        self._hosts = len(variables["ansible_play_batch"])
        self._done.clear()
        self._started.clear()

    def v2_playbook_on_task_start(self, task: Task, is_conditional: bool) -> None:
        self._said = self._started[task._uuid] = time.monotonic()

    def v2_runner_on_ok(self, result: CallbackTaskResult) -> None:
        self._one_more(result.task)

    def v2_runner_on_skipped(self, result: CallbackTaskResult) -> None:
        self._one_more(result.task)

    def v2_runner_on_failed(self, result: CallbackTaskResult, ignore_errors: bool = False) -> None:
        self._one_more(result.task)

    def v2_runner_on_unreachable(self, result: CallbackTaskResult) -> None:
        self._one_more(result.task)

    def _one_more(self, task: Task) -> None:
        if self._hosts < self.get_option("hosts") or task.run_once or task._uuid not in self._started:
            return
        self._done[task._uuid] += 1
        now = time.monotonic()
        if now - self._said >= self.get_option("interval"):
            self._said = now
            seconds = now - self._started[task._uuid]
            self._display.display(
                f"{task.get_name()}: {self._done[task._uuid]} of {self._hosts} hosts, {seconds:.0f} s", stderr=True
            )
