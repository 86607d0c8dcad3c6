# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""run(): the one place where a module starts, and where an exception becomes fail_json.

A module imports this file before its other utilities, so that imports.py makes their imports cheaper.
"""

from __future__ import annotations

import gc
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError
from ansible_collections.weft.fabric.plugins.module_utils.imports import compile_archives_once

compile_archives_once()


def run(body: Callable[[AnsibleModule], dict[str, Any]], **options: Any) -> None:
    """Build the AnsibleModule, run body, and exit with its result.

    :param body: does the module's work and returns what exit_json is given. It honours
        ``module.check_mode`` and returns ``diff`` itself.
    :param options: AnsibleModule's own keyword arguments (argument_spec, required_if, ...).
    """
    gc.disable()  # a module's process is short, and ten thousand entries make no cycles
    module = AnsibleModule(supports_check_mode=True, **options)
    try:
        result = body(module)
    except FabricError as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)
