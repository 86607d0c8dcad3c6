# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of a check."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Callable, NamedTuple

from ansible_collections.weft.fabric.plugins.module_utils.proof.evidence import Evidence
from ansible_collections.weft.fabric.plugins.module_utils.proof.target import Neighbourhood, Pair, Target


def _none(_around: Neighbourhood) -> Iterable[Target]:
    return ()


class Cause(NamedTuple):
    """Something that explains why a pair does not hold.

    :ivar host: where the fault is.
    :ivar text: the fault. Pairs with the same host and text have one fault in common.
    :ivar detail: what differs between these pairs.
    """

    host: str
    text: str
    detail: str = ""


@dataclass(frozen=True, eq=False)
class Check:
    """A layer that can fail, and how that is found out.

    :ivar layer: its name in the table.
    :ivar about: whether it is looked into for a pair.
    :ivar causes: (evidence, pair) -> what may be wrong in this layer; faults.py chooses between several causes by what
        explains the most pairs. Nothing: the layer is fine.
    :ivar remedy: what to do about it.
    :ivar elsewhere: a cause may be on a host that nobody has looked at.
    :ivar targets: what a host probes for its sake.
    """

    layer: str
    about: Callable[[Pair], bool]
    causes: Callable[[Evidence, Pair], Iterator[Cause]]
    remedy: str
    elsewhere: bool = False
    targets: Callable[[Neighbourhood], Iterable[Target]] = _none


def silent(pair: Pair) -> bool:
    """A pair in an overlay without a reply."""
    return bool(pair.target.answers and pair.target.overlay and not pair.result.received)


def answered(pair: Pair) -> bool:
    """A pair in an overlay with replies."""
    return bool(pair.target.answers and pair.target.overlay and pair.result.received)
