# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail where meta/runtime.yml's action group, plugins/modules and the modules' documentation disagree."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import yaml

GROUP = "weft.fabric.fabric"


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    modules = {path.stem for path in (root / "plugins" / "modules").glob("*.py")}
    runtime = yaml.safe_load((root / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    group = set(runtime["action_groups"]["fabric"])

    complaints = [f"{name}: in meta/runtime.yml, but there is no such module" for name in group - modules]
    complaints += [f"{name}: not in the action group of meta/runtime.yml" for name in modules - group]

    ansible_doc = pathlib.Path(sys.executable).with_name("ansible-doc")
    names = [f"weft.fabric.{name}" for name in sorted(modules)]
    printed = subprocess.run([ansible_doc, "--json", *names], capture_output=True, text=True, check=False)
    if printed.returncode:
        print(printed.stderr)
        return 1
    for name, documented in json.loads(printed.stdout).items():
        attributes = documented["doc"].get("attributes", {})
        if GROUP not in attributes.get("action_group", {}).get("membership", []):
            complaints.append(f"{name}: its documentation does not name {GROUP} in attributes.action_group.membership")

    print("\n".join(sorted(complaints)) or f"{len(modules)} modules, all in {GROUP}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
