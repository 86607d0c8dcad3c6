# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts about all nodes are kept as JSON text.

Of a structure, Ansible looks at each value whenever a host's template uses it: N times N values for N hosts.
"""

from __future__ import annotations

import functools
import json
from typing import Any

# The templates of one task use the same facts; what they get is not to be changed.
_load = functools.lru_cache(maxsize=4)(json.loads)


def loaded(fact: Any) -> Any:
    """What a fact says: its text, or as it is where it is a structure."""
    return _load(fact) if isinstance(fact, str) else fact
