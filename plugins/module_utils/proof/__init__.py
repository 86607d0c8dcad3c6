# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judging half of the proof: which layer fails where a probe does, and why.

The controller judges the probes of all nodes, and the command weft-fabric those of its own host, by the same checks.

Private to the collection: no other collection may import it.
"""
