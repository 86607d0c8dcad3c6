# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every test shares."""

from __future__ import annotations

import hypothesis

# No deadline: the kernel's answers take as long as the machine is busy, which says nothing about the code.
hypothesis.settings.register_profile("fabric", deadline=None)
hypothesis.settings.load_profile("fabric")
# pytest --hypothesis-profile=few
hypothesis.settings.register_profile("few", deadline=None, max_examples=20)
