# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The search for the path MTU: the sizes to try next, and the meaning of the answers. Pure.

If a router reports a size, that size is tried next (RFC 1191, RFC 8201). If larger packets vanish without a report (a
black hole), several sizes are tried at once, so that each round without an answer costs one wait.
"""

from __future__ import annotations

from collections.abc import Collection

LARGEST = 65535  # bytes of an IPv4 packet; IPv6 packets above it would be jumbograms

_AT_ONCE = 8


class Search:
    """The search along one path. Sizes are in bytes, with the IP header.

    :param passed: a size that is known to pass.
    """

    def __init__(self, passed: int) -> None:
        self._passes = passed
        self._fails = LARGEST + 1
        self._try = LARGEST
        self.silent = False
        """A size was lost without a report."""

    @property
    def mtu(self) -> int:
        """The largest size that is known to pass, in bytes."""
        return self._passes

    def sizes(self) -> list[int]:
        """The sizes to send next, in rising order; empty when the path MTU is found."""
        if self._passes + 1 >= self._fails:
            return []
        if self._try:
            return [self._try]
        gap = self._fails - self._passes
        parts = min(_AT_ONCE + 1, gap)
        return [self._passes + gap * part // parts for part in range(1, parts)]

    def answer(self, passed: Collection[int], told: int | None) -> None:
        """Take in the answers to the sizes that were sent last.

        :param passed: the sizes that were answered.
        :param told: the size that an ICMP error or this host's own interface reported; None: there was no report.
        """
        lost = [size for size in self.sizes() if size not in passed]
        self._passes = max([self._passes, *passed])
        self._try = 0
        if told is not None and self._passes <= told < self._fails - 1:
            self._fails = told + 1
            self._try = told if told > self._passes else 0
        elif lost:
            # A reported size that cannot be right (a router that reports 0) counts as no report.
            self.silent = True
            self._fails = min([self._fails, *(size for size in lost if size > self._passes)])
