# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the generations of a host are stored, and which one is current. generation.py describes it."""

from __future__ import annotations

import os

from ansible_collections.weft.fabric.plugins.module_utils import files

DIRECTORY = "/etc/weft"
VOLATILE = "/run/weft"
GENERATIONS = "generations"
CURRENT = "current"


def directory(place: str, number: int) -> str:
    """The directory of a generation.

    :param place: DIRECTORY or VOLATILE.
    """
    return f"{place}/{GENERATIONS}/{number}"


def current() -> str:
    """The directory of the current generation, of which nothing is read. Empty: there is none.

    :raises KernelError: a link cannot be read.
    """
    found = [(number, place) for place in (DIRECTORY, VOLATILE) for number in numbers_of(place, CURRENT)]
    return directory(max(found)[1], max(found)[0]) if found else ""


def numbers_of(place: str, state: str) -> list[int]:
    """The number of the generation that has a state, if there is one.

    :raises KernelError: the link cannot be read.
    """
    path = f"{place}/{state}"
    try:
        return [int(os.path.basename(os.readlink(path)))]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise files.refused("read", path, error) from error
