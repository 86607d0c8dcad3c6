# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of the module preflight_info, with the documents that the host is to have. If nothing keeps the host from
being planned, it is planned as well, because only that shows everything that refuses.

Private to the role preflight, as the underscore says. It returns what preflight_info returns, and:

- C(clock): the seconds by which the host's clock is ahead of the controller's; negative if it is behind.

A host on which no module can run has this as its only finding. The task fails on no host that can be reached.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_collections.weft.fabric.plugins.action import _host
from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError

_REMEDY = (
    "the host needs Python 3.9 or newer (ansible_python_interpreter names it), and a user who may become root "
    "(--ask-become-pass asks for a password)"
)


class ActionModule(_host.ActionModule):
    _VALID_ARGS: frozenset[str] = frozenset()

    def run(self, tmp: Any = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        from ansible_collections.weft.fabric.plugins.plugin_utils.documents import interfaces

        variables = task_vars or {}
        if "variables" not in (variables.get("common_fabric") or {}):
            return {"failed": True, "msg": _host.LATE.format("The validation")}
        try:
            documents = self._documents(variables["common_fabric"], variables)
        except FabricError as error:
            return {"failed": True, "msg": str(error)}
        _made, used = interfaces(documents)
        before = time.time()
        try:
            done = self._execute_module(
                module_name="weft.fabric.preflight_info",
                module_args={"documents": documents, "interfaces": sorted(used)},
                task_vars=variables,
            )
        except AnsibleConnectionFailure:
            raise
        except AnsibleError as error:
            done = {"failed": True, "msg": str(error)}
        after = time.time()
        if done.get("failed"):
            return _unusable(done)
        theirs = done.pop("time")
        findings = done["findings"]
        if not any(finding["refuses"] for finding in findings):
            planned = self._call("plan", documents, variables)
            if planned.get("failed"):
                findings = [*findings, {"check": "plan", "text": planned["msg"], "refuses": True}]
        return {**done, "findings": findings, "clock": theirs - min(max(theirs, before), after)}


def _unusable(done: Mapping[str, Any]) -> dict[str, Any]:
    """The result for a host on which the module fails or cannot run."""
    said = [line for key in ("module_stderr", "msg") for line in str(done.get(key, "")).splitlines() if line.strip()]
    text = f"no module can run here ({said[0].strip() if said else 'without a word'}): {_REMEDY}"
    finding = {"check": "connection", "text": text, "refuses": True}
    return {"changed": False, "findings": [finding], "packages": [], "system": {}, "clock": 0.0}
