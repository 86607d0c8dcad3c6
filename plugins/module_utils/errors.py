# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The errors that this collection reports to its users, each with a message of one line.

module.py turns a FabricError into fail_json, and weft-fabric prints it. Others catch one only to add to its message, to
try something else, or to go on with the next document.
"""

from __future__ import annotations

import errno as _errno
import os

LONGEST_VALUE = 160
"""Characters of a refused value that a message repeats."""


class FabricError(Exception):
    """An error that the user can act on. The message is one complete line."""


class InvalidParameter(FabricError):
    """Bad input, found before anything is changed.

    :param parameter: the option as the user wrote it, with its index: ``entries[3].lladdr``.
    :param value: the refused value.
    :param remedy: which value is right.
    """

    def __init__(self, parameter: str, value: object, remedy: str) -> None:
        parameter = parameter if parameter.isprintable() else ascii(parameter)  # the user's own key may break the line
        shown = repr(value)
        shown = shown if len(shown) <= LONGEST_VALUE else f"{shown[:LONGEST_VALUE]}... ({len(shown)} characters)"
        super().__init__(f"{parameter}: {shown} is refused: {remedy}")
        self.parameter = parameter
        self.value = value
        self.remedy = remedy


class KernelError(FabricError):
    """The kernel refused an operation.

    :param operation: the operation as a verb: ``create``, ``set mtu 1450 on``.
    :param obj: the object as messages name it: ``link vxlan0``.
    :param code: errno of the answer.
    :param detail: the kernel's own sentence (NETLINK_EXT_ACK), if it gave one.
    :param remedy: how the user can mend it.
    """

    def __init__(self, operation: str, obj: str, code: int, detail: str = "", remedy: str = "") -> None:
        # Linux has one number for both, and its tools and man pages say EOPNOTSUPP.
        name = "EOPNOTSUPP" if code == _errno.EOPNOTSUPP else _errno.errorcode.get(code, str(code))
        reason = detail or os.strerror(code)
        super().__init__(f"cannot {operation} {obj}: {reason} ({name})" + (f"; {remedy}" if remedy else ""))
        self.code = code
