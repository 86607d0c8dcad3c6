# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Attributes and requirements that modules share."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    support: full
    description: Can run in check mode and return what would change, without changing anything.
  diff_mode:
    support: full
    description: Returns what changed, or what would change in check mode. The two are identical.
  platform:
    support: full
    platforms: linux
    description: The operating systems that the module runs on.
"""

    ENGINE = r"""
options: {}
requirements:
  - Python 3.9 or newer on the host
  - pyroute2 0.7.2 or newer on the host (C(python3-pyroute2) on Debian, Ubuntu and Fedora)
  - CAP_NET_ADMIN and CAP_SYS_ADMIN (root) on the host
notes:
  - In check mode, a missing interface or namespace causes a warning instead of an error, because an earlier task may be
    about to create it.
"""

    ACTION_GROUP = r"""
options: {}
attributes:
  action_group:
    support: full
    membership: [weft.fabric.fabric]
    description: Use C(group/weft.fabric.fabric) in C(module_defaults) to set defaults for this module.
"""
