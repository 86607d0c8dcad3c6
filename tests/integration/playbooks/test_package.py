# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user of Galaxy gets: the built collection, installed where no checkout is in reach."""

from __future__ import annotations

import json
import pathlib
import posixpath
import re
import tarfile

import pytest
import yaml

from ansible_collections.weft.fabric.tests.integration.playbooks import cli

CHECKOUT = pathlib.Path(__file__).resolve().parents[3]
REPOSITORY = "https://github.com/weft-fabric/weft.fabric/blob/main/"


class Installed:
    """The collection below ``path``, and Ansible's programs that find it there and nowhere else."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.tarball = path / "weft-fabric-0.1.0.tar.gz"

    def run(self, *command: str) -> str:
        return cli.succeed(
            self.path,
            *command,
            ANSIBLE_COLLECTIONS_PATH=str(self.path),
            ANSIBLE_COLLECTIONS_SCAN_SYS_PATH="false",
        )


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Installed:
    collection = Installed(tmp_path_factory.mktemp("galaxy"))
    galaxy = ("ansible-galaxy", "collection")
    collection.run(*galaxy, "build", str(CHECKOUT), "--output-path", str(collection.path))
    collection.run(*galaxy, "install", "--offline", "--collections-path", str(collection.path), str(collection.tarball))
    return collection


def test_the_tarball_holds_what_galaxy_wants_and_nothing_else(installed):
    with tarfile.open(installed.tarball) as tarball:
        names = {name for name in tarball.getnames() if name}
    assert {name.split("/")[0] for name in names} - {"docs"} == {
        "CHANGELOG.md", "FILES.json", "LICENSE", "MANIFEST.json", "README.md", "changelogs", "inventories", "meta",
        "playbooks", "plugins", "roles",
    }  # fmt: skip
    assert {name for name in names if name.startswith("changelogs/")} == {"changelogs/changelog.yaml"}
    assert not [name for name in names if name.endswith(".pyc") or "/." in name]


def test_the_documents_in_the_tarball_link_to_what_is_there(installed):
    with tarfile.open(installed.tarball) as tarball:
        names = set(tarball.getnames())
        texts = {name: tarball.extractfile(name).read().decode() for name in names if name.endswith(".md")}
    links = {(name, link) for name, text in texts.items() for link in re.findall(r"\]\(([^)#\s]+)", text)}
    relative = {
        (name, posixpath.normpath(posixpath.join(posixpath.dirname(name), link)))
        for name, link in links
        if ":" not in link
    }
    assert ("README.md", "docs/design.md") in relative
    assert {(name, target) for name, target in relative if target not in names} == set()
    in_the_repository = {(name, link[len(REPOSITORY) :]) for name, link in links if link.startswith(REPOSITORY)}
    assert ("README.md", "CONTRIBUTING.md") in in_the_repository
    assert {(name, path) for name, path in in_the_repository if not (CHECKOUT / path).exists()} == set()


def test_links_to_sections_lead_to_sections(installed):
    with tarfile.open(installed.tarball) as tarball:
        texts = {name: tarball.extractfile(name).read().decode() for name in tarball.getnames() if name.endswith(".md")}
    links = [(name, *found) for name, text in texts.items() for found in re.findall(r"\]\(([^):#]*)#([^)]+)\)", text)]
    targets = [
        (posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name, anchor)
        for name, path, anchor in links
    ]
    assert ("docs/runbooks.md", "change-the-overlays-mode") in targets
    assert [(path, anchor) for path, anchor in targets if anchor not in map(slug, headings(texts[path]))] == []


def headings(text: str) -> list[str]:
    return re.findall(r"^#+ (.*)$", text, re.MULTILINE)


def slug(heading: str) -> str:
    """A heading as GitHub and Galaxy link to it."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def test_ansible_builder_finds_what_it_is_told_to_install(installed):
    with tarfile.open(installed.tarball) as tarball:
        told = yaml.safe_load(tarball.extractfile("meta/execution-environment.yml"))["dependencies"]
        python, system = (tarball.extractfile(told[kind]).read().decode() for kind in ("python", "system"))
    oldest = re.search(r'^OLDEST_PYROUTE2 = "pyroute2==(.*?)"', (CHECKOUT / "noxfile.py").read_text(), re.MULTILINE)
    assert f"\npyroute2>={oldest[1]}\n" in python
    assert "\nnftables " in system


def test_every_module_is_documented(installed):
    listed = json.loads(installed.run("ansible-doc", "--list", "--json", "--type", "module", "weft.fabric"))
    modules = {f"weft.fabric.{path.stem}" for path in (CHECKOUT / "plugins" / "modules").glob("*.py")}
    assert set(listed) == modules


def test_site_runs_without_the_checkout(installed):
    inventory = installed.path / "lab.yml"
    inventory.write_bytes((CHECKOUT / "inventories" / "lab.yml").read_bytes())
    play = ("ansible-playbook", "--inventory", str(inventory))
    installed.run(*play, "weft.fabric.lab")
    try:
        installed.run(*play, "weft.fabric.site")
        again = installed.run(*play, "weft.fabric.site")
    finally:
        installed.run(*play, "--extra-vars", "lab_state=absent", "weft.fabric.lab")
    recap = again.partition("PLAY RECAP")[2]
    assert recap.count("changed=0 ") == recap.count("changed=") >= 3
