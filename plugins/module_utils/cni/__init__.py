# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CNI: network configurations, the pieces of a topology that pods are made of, addresses, and results.

Private to the collection: no other collection may import it.
"""
