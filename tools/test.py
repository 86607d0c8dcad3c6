# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every test, two jobs at a time, and count the cases.

Each job's output is in build/test/, and on the screen if it fails. With --fast: the jobs that need no root and no
second environment. With --vm: those in virtual machines, with all tests of the modules in one.
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree
from collections.abc import Callable

CHECKOUT = pathlib.Path(__file__).resolve().parent.parent
BUILD = CHECKOUT / "build" / "test"
BIN = pathlib.Path(sys.executable).parent
KEPT_COMPILED = CHECKOUT / "build" / "keep_compiled"
HERE = sys.version_info[:2]
JOBS_AT_A_TIME = 2
LONGEST = 4500
"""Seconds after which a job hangs. All tests of the modules in a virtual machine take an hour on a slow one."""
ENDING = 60
"""Seconds in which virtual machines and what they need are taken away."""

CORE = "ansible-core==2.19.14"  # the newest for Python 3.11
NEWEST_CORE = "ansible-core==2.21.5"  # for Python 3.12 and newer
PYROUTE2 = "pyroute2==0.9.7"
OLDEST_PYROUTE2 = "pyroute2==0.7.2"  # Debian 12's

PLAYBOOKS = "tests/integration/playbooks"

VM_RUN = [sys.executable, "tools/vm/run.py", "--"]
VM_SITES = ["vagrant", "underlay"]
VM_KINDS = "kinds"


@dataclasses.dataclass(frozen=True)
class Cases:
    passed: int
    failed: int
    skipped: int = 0

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")


@dataclasses.dataclass(frozen=True)
class Job:
    """A command, and how to count the cases in it: from its log, and from whether it succeeded."""

    name: str
    command: list[str]
    count: Callable[[str, bool], Cases]
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    directory: pathlib.Path = CHECKOUT

    def run(self) -> Cases:
        started = time.monotonic()
        log = BUILD / f"{file_name(self.name)}.log"
        # Where Python is kept from storing what it has compiled, each playbook compiles the collection anew.
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        own = {"PATH": f"{BIN}:{os.environ['PATH']}", "KEEP_COMPILED": str(KEPT_COMPILED)}
        environment = {**kept, **own, **self.environment}
        with log.open("w", encoding="utf-8") as output:
            process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                good = process.wait(LONGEST) == 0
            except subprocess.TimeoutExpired:
                good = False
                output.write(f"not ended after {LONGEST} s\n")
                process.terminate()
                # unshare(1) does not listen to that, and what it has started ends with it.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(ENDING)
                process.kill()
                process.wait()
        text = log.read_text(encoding="utf-8", errors="replace")
        cases = self.count(text, good)
        failed = not good or cases.failed
        print(
            f"{text if failed else ''}{'FAILED' if failed else 'ok'}: {self.name} ({time.monotonic() - started:.0f} s)",
            flush=True,
        )
        return cases


def file_name(name: str) -> str:
    return re.sub(r"[^a-z0-9.]+", "-", name.lower())


def one_case(_log: str, good: bool) -> Cases:
    return Cases(1, 0) if good else Cases(0, 1)


def reported(report: pathlib.Path) -> Callable[[str, bool], Cases]:
    """Count the cases in a report of pytest's."""

    def count(_log: str, good: bool) -> Cases:
        if not report.exists():
            return Cases(0, 1)
        suite = next(xml.etree.ElementTree.parse(report).iter("testsuite"))
        total, failures, errors, skipped = (int(suite.get(k, 0)) for k in ("tests", "failures", "errors", "skipped"))
        failed = failures + errors
        # pytest can also fail as a whole: nothing was collected, or a worker was lost.
        return Cases(total - failed - skipped, failed if good else max(failed, 1), skipped)

    return count


def pytest_job(name: str, python: pathlib.Path, *tests: str, **environment: str) -> Job:
    report = BUILD / f"{file_name(name)}.xml"
    # Stealing work, because the slowest tests, whole sites, are neighbours.
    options = ["-q", "-n", "2", "--dist", "worksteal", "--durations=15", f"--junitxml={report}"]
    command = [str(python), "-m", "pytest", *options, *tests]
    if "tests/integration" in tests:
        # What they start, servers too, ends with them, however they end.
        alone = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command = [*alone, *command]
    return Job(name, command, reported(report), environment)


def other_pythons() -> dict[tuple[int, int], pathlib.Path]:
    """The interpreters on this machine, apart from the one that runs this, that a managed host may have; by version."""
    found = {}
    directories = [pathlib.Path(entry) for entry in os.environ["PATH"].split(":")]
    # A pyenv shim in the path may lead nowhere; the interpreters are beside it.
    for shims in [entry for entry in directories if entry.name == "shims"]:
        directories += sorted(shims.parent.glob("versions/*/bin"))
    for minor in range(9, 14):
        for directory in directories:
            python = directory / f"python3.{minor}"
            works = (
                python.exists()
                and not subprocess.run(
                    [python, "-c", "import ensurepip, venv"], capture_output=True, check=False
                ).returncode
            )
            if works and (3, minor) != HERE:
                found[3, minor] = python
    return found


def environment(python: pathlib.Path, name: str, *packages: list[str]) -> pathlib.Path:
    """Make a virtual environment in build/, in which weft.fabric is this checkout; its Python.

    :param packages: for each call of pip its arguments.
    """
    made = BUILD.parent / name / "bin" / "python"
    subprocess.run([python, "-m", "venv", made.parent.parent], check=True)
    for arguments in (["-r", "tests/unit/requirements.txt"], *packages):
        pip = [made, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *arguments], cwd=CHECKOUT, check=True)
    weft = site_packages(made) / "ansible_collections" / "weft"
    weft.mkdir(parents=True, exist_ok=True)
    link(weft / "fabric", CHECKOUT)
    keep_compiled(made)
    return made


def site_packages(python: pathlib.Path) -> pathlib.Path:
    command = [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
    return pathlib.Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())


def link(path: pathlib.Path, target: pathlib.Path) -> None:
    if not path.is_symlink():
        path.symlink_to(target)


def keep_compiled(python: pathlib.Path) -> None:
    """Let a virtual environment's Python keep what it compiles of modules, where a job says so: half of their time."""
    packages = site_packages(python)
    link(packages / "keep_compiled.py", CHECKOUT / "tools" / "vm" / "keep_compiled.py")
    line = 'import os; "KEEP_COMPILED" in os.environ and __import__("keep_compiled")\n'
    (packages / "keep_compiled.pth").write_text(line, encoding="utf-8")


def lint_jobs() -> list[Job]:
    python = sys.executable
    commands = {
        "ansible-lint": ["ansible-lint"],
        "mypy": ["mypy"],
        "ruff": ["ruff", "check"],
        "ruff format": ["ruff", "format", "--check"],
        "yamllint": ["yamllint", "--strict", "."],
        "changelog": ["antsibull-changelog", "lint"],
        "action group": [python, "tools/check_action_group.py"],
        "role defaults": [python, "tools/check_role_defaults.py"],
    }
    return [Job(name, command, one_case) for name, command in commands.items()]


def sanity_job(pythons: dict[tuple[int, int], pathlib.Path], outside: pathlib.Path) -> Job:
    """ansible-test sanity in a copy, because it demands the path ansible_collections/weft/fabric.

    :param outside: where to copy to; not in the checkout, in which git ignores what is in build/.
    """
    home = BUILD.parent / "ansible-test"
    copy = outside / "ansible_collections" / "weft" / "fabric"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, copy / name)
    # ansible-test downloads get-pip.py from a host of its own; each Python that is here brings its own pip.
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "get_pip_24_2.py").write_text("import ensurepip\n\nensurepip.bootstrap()\n", encoding="utf-8")

    def count(log: str, good: bool) -> Cases:
        total = len(re.findall(r'^Running sanity test "', log, re.MULTILINE))
        fatal = re.search(r"^FATAL: The (\d+) sanity test", log, re.MULTILINE)
        failed = int(fatal[1]) if fatal else int(not good or total == 0)
        return Cases(max(total - failed, 0), failed)

    # It takes any python3.N in the path at its word, a shim too.
    path = [entry for entry in os.environ["PATH"].split(":") if not entry.endswith("/shims")]
    path = [str(BIN), *(str(python.parent) for python in pythons.values()), *path]
    command = ["ansible-test", "sanity", "--requirements", "--color", "no"]
    return Job("ansible-test sanity", command, count, {"HOME": str(home), "PATH": ":".join(path)}, copy)


def unit_job() -> Job:
    return pytest_job(f"unit: Python 3.{HERE[1]}, {CORE}, {PYROUTE2}", pathlib.Path(sys.executable), "tests/unit")


def kernel_jobs(pythons: dict[tuple[int, int], pathlib.Path]) -> list[Job]:
    """The integration tests here; those that an older host may fail, again on one; the oldest and the newest Python.

    Whole sites and their documents with the oldest pyroute2 are in virtual machines, one of which is a Debian 12.
    """
    here = pathlib.Path(sys.executable)
    jobs = [pytest_job(f"integration: Python 3.{HERE[1]}, {CORE}, {PYROUTE2}", here, "tests/integration")]

    name = f"integration: Python 3.{HERE[1]}, {CORE}, {OLDEST_PYROUTE2}"
    variables = {}
    if older := [version for version in pythons if version < HERE]:
        version = min(older)
        # A managed host has no ansible-core, but ansible's modules bring their share of it along.
        target = environment(
            pythons[version], "oldest-python", [OLDEST_PYROUTE2], ["--no-deps", "--ignore-requires-python", CORE]
        )
        jobs.append(pytest_job(f"unit: Python 3.{version[1]}, {OLDEST_PYROUTE2}", target, "tests/unit"))
        name += f", modules on Python 3.{version[1]}"
        variables = {"WEFT_TEST_PYTHON": str(target)}
    old = environment(here, "oldest-pyroute2", [CORE, OLDEST_PYROUTE2])
    jobs.append(pytest_job(name, old, "tests/integration", "-m", "older_host", **variables))

    if newer := [version for version in pythons if version > HERE]:
        version = max(newer)
        new = environment(pythons[version], "newest-python", [NEWEST_CORE, PYROUTE2])
        name = f"unit and package: Python 3.{version[1]}, {NEWEST_CORE}, {PYROUTE2}"
        jobs.append(pytest_job(name, new, "tests/unit", f"{PLAYBOOKS}/test_package.py"))
    return jobs


def molecule_jobs() -> list[Job]:
    """Each scenario in namespaces of its own: they cannot meet, and nothing is left of one that is killed."""
    alone = "mount -t tmpfs tmpfs /run && mount -t sysfs sysfs /sys && ip link set lo up && exec molecule test -s"
    scenarios = {path.parent.name for path in CHECKOUT.glob("molecule/*/molecule.yml")} - {*VM_SITES, VM_KINDS}
    return [
        Job(
            f"molecule {name}",
            ["unshare", "--net", "--mount", "sh", "-c", f"{alone} {name}"],
            one_case,
            {"MOLECULE_GLOB": "molecule/*/molecule.yml"},
        )
        for name in sorted(scenarios)
    ]


def vm_job(scenario: str, count: Callable[[str, bool], Cases] = one_case, **environment: str) -> Job:
    return Job(f"molecule {scenario}", [*VM_RUN, "molecule", "test", "-s", scenario], count, environment)


def vm_site_jobs() -> list[Job]:
    return [vm_job(name) for name in VM_SITES]


def vm_kinds_job(chosen: list[str] | None) -> Job:
    """Tests of the modules in a virtual machine, from which their report comes back.

    :param chosen: what pytest calls them; None for all.
    """
    count = reported(BUILD / "molecule-kinds.xml")
    if chosen is None:
        return vm_job(VM_KINDS, count)
    listed = BUILD / "kinds.txt"
    listed.write_text("".join(f"{re.sub(r'^[^:]+', module_path, name)}\n" for name in chosen), encoding="utf-8")
    return vm_job(VM_KINDS, count, WEFT_TESTS=str(listed))


def vm_left_job() -> Job:
    """What looks at the machine for what virtual machines leave on it, so that nothing else may run beside it."""
    return pytest_job("virtual machines: nothing is left", pathlib.Path(sys.executable), "tests/vm")


def module_path(found: re.Match[str]) -> str:
    return found[0].replace(".", "/") + ".py"


@dataclasses.dataclass
class Seen:
    """What the reports say of one test.

    :ivar kernels: those on which it passed.
    :ivar modules: those that it ran.
    """

    kernels: set[str] = dataclasses.field(default_factory=set)
    modules: set[str] = dataclasses.field(default_factory=set)


def integration_tests() -> dict[str, Seen]:
    """By what pytest calls them, the integration tests of all reports: of this machine and of virtual ones."""
    tests: dict[str, Seen] = collections.defaultdict(Seen)
    for report in BUILD.glob("*.xml"):
        for case in xml.etree.ElementTree.parse(report).iter("testcase"):
            found = [(entry.get("name", ""), entry.get("value", "")) for entry in case.iter("property")]
            kernels = {value for name, value in found if name == "kernel"}
            if kernels:
                seen = tests[f"{case.get('classname')}::{case.get('name')}"]
                seen.modules |= {value for name, value in found if name == "module"}
                if all(case.find(outcome) is None for outcome in ("skipped", "failure", "error")):
                    seen.kernels |= kernels
    return tests


def ran_nowhere(tests: dict[str, Seen]) -> list[str]:
    """The tests that passed on no kernel."""
    return sorted(name for name, seen in tests.items() if not seen.kernels)


def print_kernels(tests: dict[str, Seen]) -> None:
    """A table of how many of each module's tests passed on which kernel."""
    kernels = sorted({kernel for seen in tests.values() for kernel in seen.kernels})
    rows = [("module", "tests", *kernels, "nowhere")]
    modules = sorted({module for seen in tests.values() for module in seen.modules})
    for module, chosen in [
        *((module, [seen for seen in tests.values() if module in seen.modules]) for module in modules),
        ("all, and without a module", list(tests.values())),
    ]:
        passed = [sum(kernel in seen.kernels for seen in chosen) for kernel in kernels]
        rows.append((module, *map(str, (len(chosen), *passed, sum(not seen.kernels for seen in chosen)))))
    widths = [max(map(len, column)) for column in zip(*rows)]
    print("\nintegration tests that passed, by module and kernel:")
    for first, *numbers in rows:
        print("  ".join([first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(numbers, widths[1:]))]))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--fast", action="store_true")
    which.add_argument("--vm", action="store_true")
    options = parser.parse_args()
    fast, vm = options.fast, options.vm
    everything = not fast and not vm
    if everything and os.geteuid() != 0:
        print("the integration tests make network namespaces, which needs root: sudo make test, or make test-fast")
        return 1
    if not vm:
        shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True, exist_ok=True)
    KEPT_COMPILED.mkdir(exist_ok=True)
    keep_compiled(pathlib.Path(sys.executable))

    short = [unit_job(), *lint_jobs()]
    with tempfile.TemporaryDirectory() as outside, concurrent.futures.ThreadPoolExecutor(JOBS_AT_A_TIME) as executor:
        jobs: list[Job] = []
        running: list[concurrent.futures.Future[Cases]] = []

        def start(*more: Job) -> None:
            jobs.extend(more)
            running.extend(executor.submit(job.run) for job in more)

        # The longest first.
        if fast:
            start(*short)
        elif vm:
            start(vm_kinds_job(None), *vm_site_jobs())
        else:
            # What takes longest first; pip makes environments meanwhile.
            first, *sites = vm_site_jobs()
            start(first)
            pythons = other_pythons()
            here, *others = kernel_jobs(pythons)
            start(here, *sites)
            running[1].result()
            # What this machine's kernel lacks is tested on one that has it.
            lacking = ran_nowhere(integration_tests())
            sanity = sanity_job(pythons, pathlib.Path(outside))
            start(*([vm_kinds_job(lacking)] if lacking else []), sanity, *others, *molecule_jobs(), *short)
        results = [future.result() for future in running]
    if not fast:
        jobs.append(vm_left_job())
        results.append(jobs[-1].run())

    print()
    for job, cases in zip(jobs, results):
        print(f"{job.name}: {cases}")
    nowhere = []
    if not fast:
        tests = integration_tests()
        nowhere = ran_nowhere(tests)
        print_kernels(tests)
    for name in nowhere:
        print(f"passed nowhere: {name}")
    total = Cases(*(sum(numbers) for numbers in zip(*map(dataclasses.astuple, results))))
    print(total)
    return 1 if total.failed or nowhere else 0


if __name__ == "__main__":
    sys.exit(main())
