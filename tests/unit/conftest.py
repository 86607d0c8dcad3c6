# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which unit tests a Python can run: a managed host's runs modules and module_utils, the controller's everything."""

from __future__ import annotations

import pathlib
import re
import sys

_CONTROLLER = re.compile(
    r"^from (ansible\.(?!module_utils)|ansible_collections\.weft\.fabric\.plugins\.(?!module))", re.MULTILINE
)

if sys.version_info < (3, 11):  # ansible-core 2.19's controller starts there
    collect_ignore = [
        str(path)
        for path in pathlib.Path(__file__).parent.rglob("test_*.py")
        if _CONTROLLER.search(path.read_text(encoding="utf-8"))
    ]
