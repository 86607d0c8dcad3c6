# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/vm/qemu_tcg.sh: three of the words that libvirt starts QEMU with are changed; the rest arrive as they are."""

from __future__ import annotations

import os
import pathlib
import subprocess

TOOLS = pathlib.Path(__file__).parents[2] / "tools" / "vm"


def test_what_qemu_is_told(tmp_path: pathlib.Path) -> None:
    qemu = tmp_path / "qemu-system-x86_64"
    qemu.write_text("#!/bin/sh\nprintf '%s\\n' \"$@\"\n", encoding="utf-8")
    qemu.chmod(0o755)
    said = ["-name", "guest=network 1", "-accel", "tcg", "-cpu", "max", "-append", "root=/dev/vda quiet", "-m", "512"]
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    told = subprocess.run(
        [TOOLS / "qemu_tcg.sh", *said], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    changed = {
        "tcg": "tcg,tb-size=256",
        "max": "max,erms=off",
        "root=/dev/vda quiet": "root=/dev/vda quiet norandmaps mitigations=off init_on_alloc=0",
    }
    assert told == [changed.get(word, word) for word in said]
