#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Build a kernel that runs as a process (User-mode Linux) out of the newest source that Debian has, and say where it is. Needs root
# and Debian's apt-get; the machine's own packages and their sources stay as they are.
#
#   tools/vm/build_kernel.sh
#
# A kernel is kept under /var/cache/weft by what it is made from: a second build costs nothing. All of it may be deleted.
set -eu
cache=/var/cache/weft/kernels
here=$(cd "$(dirname "$0")" && pwd)
configuration=$here/uml.config

# Which version is the newest by now is no part of it: delete the kernel to have that one.
made_from=$(cat "$0" "$configuration" | sha256sum | cut -c1-16)
say_where_it_is() {
    for kernel in "$cache"/linux-*-"$made_from"; do
        [ -x "$kernel" ] && echo "$kernel" && exit 0
    done
    return 0
}
fail() {
    echo "no User-mode Linux: $1" >&2
    exit 1
}

say_where_it_is
[ "$(id -u)" = 0 ] || fail "building it needs root: sudo $0"
[ "$(uname -m)" = x86_64 ] || fail "there is none for $(uname -m)"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
# Another build may have made it while this one waited.
say_where_it_is

work=$(mktemp -d "$cache/.build.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
mkdir -p "$work/lists" "$work/archives/partial" "$work/linux"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
for suite in trixie-backports unstable; do
    echo "deb [signed-by=$keys] http://deb.debian.org/debian $suite main"
done >"$work/sources.list"
: >"$work/status"
apt() {
    command=$1
    shift
    "$command" -qq -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State="$work" \
        -o Dir::State::Status="$work/status" -o Dir::Cache="$work" -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
# One of the suites is enough.
apt apt-get update >&2 || true
package=$(apt apt-cache search --names-only '^linux-source-[0-9.]+$' | cut -d' ' -f1 | sort -V | tail -n 1)
[ -n "$package" ] || fail "the mirrors have no package linux-source-*"
echo "building User-mode Linux from $package (once; kept in $cache)" >&2
(cd "$work" && apt apt-get download "$package" >&2)
version=$(dpkg-deb --field "$work/$package"_*.deb Version)
# Without what nothing is built from: half of the time that unpacking takes.
dpkg-deb --fsys-tarfile "$work/$package"_*.deb | tar -xO "./usr/src/$package.tar.xz" | xz --decompress --threads=0 |
    tar -x --strip-components=1 --directory "$work/linux" --exclude='*/Documentation/*.*' --exclude='*/sound/*.[ch]' \
        --exclude='*/drivers/gpu/*.[ch]' --exclude='*/drivers/media/*.[ch]' --exclude='*/drivers/net/ethernet/*.[ch]' \
        --exclude='*/drivers/net/wireless/*.[ch]' --exclude='*/drivers/staging/*.[ch]'
cd "$work/linux"
make -s ARCH=um KCONFIG_ALLCONFIG="$configuration" allnoconfig >"$work/log"
grep '^CONFIG_' "$configuration" | grep --invert-match --line-regexp --fixed-strings --file=.config >"$work/missing" || true
# What the tests need of that, they report as passed nowhere.
[ ! -s "$work/missing" ] || echo "$package has not, or not in this configuration: $(tr '\n' ' ' <"$work/missing")" >&2
make -s ARCH=um -j"$(nproc)" linux >>"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    fail "$package does not build"
}
strip linux
kernel=$cache/linux-$version-$made_from
mv linux "$kernel"
echo "$kernel"
