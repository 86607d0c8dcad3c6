# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof that a fabric works: the probes of each node, and the layer that fails where a probe does.

Private to the collection: no other collection may import it.
"""
