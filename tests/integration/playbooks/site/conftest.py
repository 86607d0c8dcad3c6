# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The article's scenario, as it stands for all tests of the folder that do not need one of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Fabric, article, standing


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """One fabric that stands, for tests that leave it as they found it."""
    with standing(tmp_path_factory.mktemp("fabric"), article("shared")) as made:
        made.ok("site", "--skip-tags", "verify")
        yield made
