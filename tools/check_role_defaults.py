# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail where a role's defaults/main.yml and its meta/argument_specs.yml disagree.

Every default is an option of the same value, every option with a default is in the defaults, and all names begin
with the role's.
"""

from __future__ import annotations

import pathlib
import sys

import yaml

MISSING = object()


def complaints(role: pathlib.Path) -> list[str]:
    defaults_file = role / "defaults" / "main.yml"
    defaults = yaml.safe_load(defaults_file.read_text(encoding="utf-8")) if defaults_file.exists() else None
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]
    options = {name: option for spec in specs.values() for name, option in (spec.get("options") or {}).items()}
    documented = {name: option["default"] for name, option in options.items() if "default" in option}
    defaults = defaults or {}

    found = [f"{name}: in the defaults, but not an option" for name in defaults.keys() - options.keys()]
    for name in sorted(options.keys() & (defaults.keys() | documented.keys())):
        default, told = defaults.get(name, MISSING), documented.get(name, MISSING)
        if default is MISSING:
            found.append(f"{name}: the option has a default, the defaults have none")
        elif told is MISSING:
            found.append(f"{name}: the defaults have a value, the option has none")
        elif default != told:
            found.append(f"{name}: {default!r} in the defaults, {told!r} in the option")
    names = defaults.keys() | options.keys()
    found += [f"{name}: does not begin with {role.name}_" for name in names if not name.startswith(f"{role.name}_")]
    return [f"roles/{role.name}: {complaint}" for complaint in sorted(found)]


def main() -> int:
    roles = sorted(path for path in (pathlib.Path(__file__).resolve().parent.parent / "roles").glob("*"))
    found = [complaint for role in roles for complaint in complaints(role)]
    print("\n".join(found) or f"{len(roles)} roles agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
