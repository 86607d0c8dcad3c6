# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host's documents, stored and replayed; the files installed next to them; and the nodes of a lab.

Private to the collection: no other collection may import it.
"""
