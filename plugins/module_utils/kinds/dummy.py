# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Interfaces that drop what is sent through them (drivers/net/dummy.c)."""

from __future__ import annotations

from ansible_collections.weft.fabric.plugins.module_utils.kinds.kind import Kind

KIND = Kind("dummy")
