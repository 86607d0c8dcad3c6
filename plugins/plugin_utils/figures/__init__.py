# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures for people: tables as text, plots as SVG and a page as HTML. Nothing in here knows what a fabric is.

Private to the collection: no other collection may import it.
"""
