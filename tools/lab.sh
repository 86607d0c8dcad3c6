#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The scenario of inventories/lab.yml on this machine.
#
#   tools/lab.sh up      make the lab, stand the overlay up in it, and prove it
#   tools/lab.sh down    take the lab away
set -eu
cd "$(dirname "$0")/.."

case $1 in
up) set -- playbooks/lab.yml playbooks/site.yml ;;
down) set -- --extra-vars lab_state=absent playbooks/lab.yml ;;
esac

if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "the lab makes network namespaces, which needs root: run this as root, or install sudo" >&2
        exit 1
    fi
    sudo -n true 2>/dev/null || set -- --ask-become-pass "$@"
    set -- --become "$@"
fi
exec .venv/bin/ansible-playbook --inventory inventories/lab.yml "$@"
