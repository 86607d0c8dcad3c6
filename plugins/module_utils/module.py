# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""run(): the one place where a module starts, and where an exception becomes fail_json.

A module imports this before the rest of this directory, so that the rest is compiled once. On a host it comes from a
zip file. importlib asks a zip file's importer for a module's file name first, and to answer, that compiles the whole
source; to run it, it is compiled again (Lib/zipimport.py: get_filename, get_code). The name follows from the module's.
"""

from __future__ import annotations

import gc
import zipimport
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.weft.fabric.plugins.module_utils.errors import FabricError

_importer: Any = __spec__.loader if __spec__ else None  # of this directory
if isinstance(_importer, zipimport.zipimporter):
    _directory = f"{_importer.archive}/{_importer.prefix}"
    _importer.get_filename = lambda fullname: f"{_directory}{fullname.rpartition('.')[2]}.py"  # type: ignore[method-assign]


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
