# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The article's scenario: for one test, or one that stands for several."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from ansible_collections.weft.fabric.tests.integration.playbooks.fabric import Fabric, article, standing


@pytest.fixture
def fabric(tmp_path: pathlib.Path) -> Iterator[Fabric]:
    """The article's three machines, nothing configured yet."""
    with standing(tmp_path, article()) as made:
        yield made


@pytest.fixture(scope="package")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fabric]:
    """One fabric that stands, for tests that leave it as they found it."""
    with standing(tmp_path_factory.mktemp("fabric"), article("shared")) as made:
        made.ok("site")
        yield made
