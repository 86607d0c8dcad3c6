# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is shown of all hosts together: a run's plan, and what the command weft-fabric says on each.

Private to the collection: no other collection may import it.
"""
