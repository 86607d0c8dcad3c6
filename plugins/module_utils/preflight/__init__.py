# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host needs before the fabric is set up on it: the checks, one file each, and the table of what the host is.

Private to the collection: no other collection may import it.
"""
