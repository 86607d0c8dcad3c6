# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searching for the path MTU: which sizes to try next, and what the answers mean. Pure.

Routers that say which size they take are believed and their size is tried (RFC 1191, RFC 8201). Where nobody says
anything, a black hole, the size is found by trying several at once, so that each round of silence costs one wait.
"""

from __future__ import annotations

from collections.abc import Collection

LARGEST = 65535  # bytes of an IPv4 packet; IPv6 packets above it would be jumbograms

_AT_ONCE = 8


class Search:
    """The search along one path. Sizes are whole packets in bytes, with the IP header.

    :param passed: a size that is known to pass.
    """

    def __init__(self, passed: int) -> None:
        self._passes = passed
        self._fails = LARGEST + 1
        self._try = LARGEST
        self.silent = False
        """A size was lost, and nobody said so."""

    @property
    def mtu(self) -> int:
        """The largest size that is known to pass, in bytes."""
        return self._passes

    def sizes(self) -> list[int]:
        """What to send next, rising; empty when the path MTU is found."""
        if self._passes + 1 >= self._fails:
            return []
        if self._try:
            return [self._try]
        gap = self._fails - self._passes
        parts = min(_AT_ONCE + 1, gap)
        return [self._passes + gap * part // parts for part in range(1, parts)]

    def answer(self, passed: Collection[int], told: int | None) -> None:
        """What became of the sizes sent last.

        :param passed: those that were answered.
        :param told: the size that an ICMP error or this host's own interface named; None: nobody said anything.
        """
        lost = [size for size in self.sizes() if size not in passed]
        self._passes = max([self._passes, *passed])
        self._try = 0
        if told is not None and self._passes <= told < self._fails - 1:
            self._fails = told + 1
            self._try = told if told > self._passes else 0
        elif lost:
            # A size that someone named but that we know better about (a router that says 0) counts as silence.
            self.silent = True
            self._fails = min([self._fails, *(size for size in lost if size > self._passes)])
