# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All tests, as sessions of nox. They start in the order of this file, the longest first.

What the commands of a session print is in build/test/, and on the screen if one of them fails.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import sys
import tempfile

import antsibull_nox
import nox

from ansible_collections.weft.fabric.tools import report

CHECKOUT = pathlib.Path(__file__).resolve().parent
LONGEST = 4500
"""Seconds after which a command hangs. All tests of the modules in a virtual machine take an hour on a slow one."""
ENDING = 60
"""Seconds that virtual machines get to end."""

OLDEST, HERE, NEWEST = "3.9", "3.11", "3.13"
CORE = "ansible-core==2.19.14"  # the newest for Python 3.11
NEWEST_CORE = "ansible-core==2.21.5"  # for Python 3.12 and newer
PYROUTE2 = "pyroute2==0.9.7"
OLDEST_PYROUTE2 = "pyroute2==0.7.2"  # Debian 12's

# A Python makes a difference to the code, hardly to what the code computes.
FEW_EXAMPLES = "--hypothesis-profile=few"
PLAYBOOKS = "tests/integration/playbooks"

VM = [sys.executable, "tools/vm/run.py"]
VM_SCENARIOS = {"vagrant", "underlay", "survive", "kinds"}
SCENARIOS = {path.parent.name for path in CHECKOUT.glob("molecule/*/molecule.yml")} - VM_SCENARIOS

LINTERS = {
    "ansible-lint": ["ansible-lint"],
    "mypy": ["mypy"],
    "ruff": ["ruff", "check"],
    "ruff-format": ["ruff", "format", "--check"],
    "yamllint": ["yamllint", "--strict", "."],
    "changelog": ["antsibull-changelog", "lint"],
}

nox.options.allow_parallel = True
nox.options.default_venv_backend = "uv"
nox.options.download_python = "never"
nox.options.envdir = "build/nox"
nox.options.error_on_missing_interpreters = False
nox.options.reuse_venv = "yes"

# A pyenv shim may lead nowhere, but ansible-test calls it all the same; the interpreters are beside the shims.
entries = os.environ["PATH"].split(":")
behind_shims = [
    path for entry in entries if entry.endswith("/shims") for path in pathlib.Path(entry, "..").glob("versions/*/bin")
]
entries = [entry for entry in entries if not entry.endswith("/shims")]
os.environ["PATH"] = ":".join([str(pathlib.Path(sys.executable).parent), *entries, *sorted(map(str, behind_shims))])
HAS_OLDEST = shutil.which(f"python{OLDEST}") is not None
# Where Python is kept from storing what it has compiled, each playbook compiles the collection anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["UV_COMPILE_BYTECODE"] = "1"
# And what modules bring along is compiled once: tools/vm/keep_compiled.py.
os.environ["KEEP_COMPILED"] = str(CHECKOUT / "build" / "keep_compiled")
pathlib.Path(os.environ["KEEP_COMPILED"]).mkdir(parents=True, exist_ok=True)


def run(session: nox.Session, *command: str, **environment: str) -> str:
    """Run a command, and print what it said if it fails; its output."""
    log = report.directory(session.name) / "log"
    # On Ctrl-C, nox ends without waiting for a command that ignores SIGTERM, as unshare(1) does.
    with_nox = ["setpriv", "--pdeathsig=KILL"]
    limited = [*with_nox, "timeout", "--foreground", f"--kill-after={ENDING}", str(LONGEST), *command]
    try:
        with log.open("w", encoding="utf-8") as output:
            session.run(*limited, env=environment, external=True, log=False, stdout=output)
    except nox.command.CommandFailed:
        print(log.read_text(encoding="utf-8", errors="replace"))
        raise
    return log.read_text(encoding="utf-8", errors="replace")


def pytest(session: nox.Session, *tests: str, **environment: str) -> None:
    # Stealing work, because the slowest tests, whole sites, are neighbours.
    options = ["-q", "-n2", "--dist=worksteal", "--durations=15"]
    junit = f"--junitxml={report.directory(session.name) / 'report.xml'}"
    # What integration tests start, servers too, ends with them, however they end.
    alone = ["setpriv", "--pdeathsig", "KILL", "unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
    needs_root = any(test.startswith("tests/integration") for test in tests)
    run(session, *(alone if needs_root else ()), "python", "-m", "pytest", *options, junit, *tests, **environment)


def install(session: nox.Session, *packages: str) -> None:
    """Install packages and the tests' own into a session's environment, in which weft.fabric is this checkout."""
    session.install("-r", "tests/unit/requirements.txt", *packages)
    session.run("python", "tools/link.py", silent=True)


@nox.session(python=False)
def machines(session: nox.Session) -> None:
    """Build the disks and the kernel of the virtual machines, while other sessions run."""
    run(session, "nice", *VM, "--", "true")


@nox.session(python=False)
def integration(session: nox.Session) -> None:
    """The integration tests, on this machine's kernel."""
    pytest(session, "tests/integration")


@nox.session(python=False, default=False)
def runbooks(session: nox.Session) -> None:
    """Measure what the runbooks cost, and write the table of docs/runbooks.md."""
    pytest(session, f"{PLAYBOOKS}/test_runbooks.py", "-n0", WEFT_LOSSES="write")


@nox.session(python=False)
def vagrant(session: nox.Session) -> None:
    """A site on virtual machines as users have them."""
    run(session, *VM, "--vagrant", "--", "molecule", "test", "-s", "vagrant")


@nox.session(python=False, requires=["machines"])
@nox.parametrize("scenario", [nox.param(name, id=name) for name in ("survive", "underlay")])
def sites(session: nox.Session, scenario: str) -> None:
    """Sites on virtual machines: one whose daemons and operators interfere, and one whose underlay moves."""
    run(session, *VM, "--", "molecule", "test", "-s", scenario)


def modules(session: nox.Session, **environment: str) -> None:
    """Tests of the modules on a virtual machine's kernel."""
    written = str(report.directory(session.name) / "report.xml")
    run(session, *VM, "--", "molecule", "test", "-s", "kinds", WEFT_REPORT=written, **environment)


@nox.session(name="oldest-kernel", python=False, default=False)
def oldest_kernel(session: nox.Session) -> None:
    """All tests of modules on the oldest kernel that is supported, Debian 12's."""
    modules(session, WEFT_KERNEL="debian")


@nox.session(python=False, requires=["integration", "machines"])
def kinds(session: nox.Session) -> None:
    """The tests that this machine's kernel lacks something for; if none ran here, all tests of modules."""
    environment = {}
    if tests := report.integration():
        if not (lacking := report.passed_nowhere(tests)):
            session.skip("this machine's kernel lacks nothing")
        listed = report.directory(session.name) / "tests"
        listed.write_text("".join(f"{name}\n" for name in lacking), encoding="utf-8")
        environment["WEFT_TESTS"] = str(listed)
    modules(session, **environment)


@nox.session(python=False)
def sanity(session: nox.Session) -> None:
    """ansible-test sanity, of what Galaxy gets."""
    # Its environments are kept beside the boxes. It would download get-pip.py from a host of its own, but each Python
    # brings a pip.
    home = pathlib.Path("/var/cache/weft/ansible-test")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "get_pip_24_2.py").write_text("import ensurepip\n\nensurepip.bootstrap()\n", encoding="utf-8")
    # It demands the path ansible_collections/weft/fabric, and not in build/, which git ignores.
    with tempfile.TemporaryDirectory() as outside:
        galaxy = ["ansible-galaxy", "collection", "install", "--force", "--offline", "-p", outside, str(CHECKOUT)]
        session.run(*galaxy, silent=True)
        copy = pathlib.Path(outside, "ansible_collections", "weft", "fabric")
        (copy / "tests").mkdir()
        shutil.copy("tests/config.yml", copy / "tests")
        shutil.copytree("tests/sanity", copy / "tests" / "sanity")
        with session.chdir(copy):
            try:
                run(session, "ansible-test", "sanity", "--requirements", "--color=no", "--junit", HOME=str(home))
            finally:
                shutil.copytree("tests/output/junit", report.directory(session.name), dirs_exist_ok=True)


@nox.session(name="oldest-python", python=OLDEST)
def oldest_python(session: nox.Session) -> None:
    """The unit tests, on the oldest Python that a host may have."""
    install(session, OLDEST_PYROUTE2)
    # A managed host has no ansible-core, but Ansible's modules bring their share of it along.
    session.install("--no-deps", f"--python-version={HERE}", CORE)
    pytest(session, "tests/unit", FEW_EXAMPLES)


@nox.session(name="oldest-pyroute2", python=HERE, requires=["oldest-python"] if HAS_OLDEST else [])
def oldest_pyroute2(session: nox.Session) -> None:
    """The integration tests that an older host may fail, with the oldest pyroute2, on the oldest Python if it is here.

    Whole sites and their documents with the oldest pyroute2 are in virtual machines, one of which is a Debian 12.
    """
    install(session, CORE, OLDEST_PYROUTE2)
    host = (
        pathlib.Path(session.virtualenv.location).with_name("oldest-python")
        if HAS_OLDEST
        else session.virtualenv.location
    )
    pytest(session, "tests/integration", "-m", "older_host", WEFT_TEST_PYTHON=f"{host}/bin/python")


@nox.session(name="newest-python", python=NEWEST)
def newest_python(session: nox.Session) -> None:
    """The unit tests, and the collection as users install it, on the newest Python and ansible-core."""
    install(session, NEWEST_CORE, PYROUTE2)
    pytest(session, "tests/unit", f"{PLAYBOOKS}/test_package.py", FEW_EXAMPLES)


@nox.session(python=False)
@nox.parametrize("scenario", [nox.param(name, id=name) for name in sorted(SCENARIOS)])
def molecule(session: nox.Session, scenario: str) -> None:
    """Each scenario in namespaces of its own: they cannot meet, and nothing is left of one that is killed."""
    alone = "mount -t tmpfs tmpfs /run && mount -t sysfs sysfs /sys && ip link set lo up && exec molecule test -s"
    unshare = ["unshare", "--net", "--mount", "sh", "-c", f"{alone} {scenario}"]
    run(session, *unshare, MOLECULE_GLOB="molecule/*/molecule.yml")


@nox.session(name="galaxy-importer", python=HERE)
def galaxy_importer(session: nox.Session) -> None:
    """What Galaxy does with an upload; antsibull-nox's session of the same passes with the importer's warnings."""
    session.install("-r", "requirements.txt", "galaxy-importer==0.4.44")
    with tempfile.TemporaryDirectory() as built:
        session.run("ansible-galaxy", "collection", "build", "--output-path", built, silent=True)
        (tarball,) = pathlib.Path(built).iterdir()
        with session.chdir(built):
            importer = ["python", "-m", "galaxy_importer.main", tarball.name]
            if warnings := run(session, *importer, GALAXY_IMPORTER_LOG_LEVEL_MAIN="WARNING"):
                session.error(warnings)


@nox.session(python=False)
@nox.parametrize("linter", [nox.param(name, id=name) for name in LINTERS])
def lint(session: nox.Session, linter: str) -> None:
    run(session, *LINTERS[linter])


@nox.session(python=False)
def unit(session: nox.Session) -> None:
    """The unit tests."""
    pytest(session, "tests/unit")


antsibull_nox.load_antsibull_nox_toml()


@nox.session(name="nothing-left", python=False, allow_parallel=False)
def nothing_left(session: nox.Session) -> None:
    """Whether virtual machines leave anything on the machine, so nothing else may run meanwhile."""
    pytest(session, "tests/vm")
