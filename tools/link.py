# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Let the Python that runs this find weft.fabric in this checkout.

Where KEEP_COMPILED is set, it also keeps what it compiles of modules: half of their time.
"""

import pathlib
import sysconfig

CHECKOUT = pathlib.Path(__file__).resolve().parents[1]
PACKAGES = pathlib.Path(sysconfig.get_path("purelib"))
LINKS = {
    PACKAGES / "ansible_collections" / "weft" / "fabric": CHECKOUT,
    PACKAGES / "keep_compiled.py": CHECKOUT / "tools" / "vm" / "keep_compiled.py",
}

for path, target in LINKS.items():
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.symlink_to(target)
line = 'import os; "KEEP_COMPILED" in os.environ and __import__("keep_compiled")\n'
(PACKAGES / "keep_compiled.pth").write_text(line, encoding="utf-8")
