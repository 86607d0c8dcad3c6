#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Unpack Debian's firewalld, and say where it is. Needs no root.
#
# It is not installed: the package would start it, and with its rules close this machine.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/weft
packages="firewalld python3-firewall python3-nftables python3-jsonschema python3-attr python3-pyrsistent"
root=$cache/firewalld

mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
if [ ! -e "$root" ]; then
    work=$(mktemp -d "$cache/.firewalld.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    # apt-get leaves what it downloads in the working directory.
    # shellcheck disable=SC2086
    (cd "$work" && apt-get -o APT::Sandbox::User=root download $packages >/dev/null)
    for package in "$work"/*.deb; do
        dpkg-deb --extract "$package" "$work/root"
    done
    mv "$work/root" "$root"
fi
echo "$root"
