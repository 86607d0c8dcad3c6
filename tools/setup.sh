#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Make .venv with pinned versions, in which weft.fabric resolves from this checkout itself.
#
#   tools/setup.sh        what running the collection takes
#   tools/setup.sh dev    and what testing it takes
#   tools/setup.sh vm     no environment, but what virtual machines take
set -eu
cd "$(dirname "$0")/.."
checkout=$(pwd -P)
profile=${1:-run}
PATH=$PATH:/usr/sbin:/sbin

if [ "$profile" = dev ]; then
    tools/setup.sh
    commands="git:git ssh:openssh-client sshd:openssh-server sudo:sudo shellcheck:shellcheck
        dhcpcd:dhcpcd-base dnsmasq:dnsmasq-base iperf3:iperf3 wg:wireguard-tools
        iptables:iptables /usr/lib/cni/bridge:containernetworking-plugins dbus-daemon:dbus-daemon
        /usr/lib/python3/dist-packages/dbus/__init__.py:python3-dbus /usr/lib/python3/dist-packages/gi/__init__.py:python3-gi"
    requirements="requirements-dev.txt"
elif [ "$profile" = vm ]; then
    commands="gcc:gcc /usr/include/stdio.h:libc6-dev make:make flex:flex bison:bison bc:bc m4:m4 xz:xz-utils ssh-keygen:openssh-client
        qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils libvirtd:libvirt-daemon-system virsh:libvirt-clients
        dnsmasq:dnsmasq-base iptables:iptables vagrant:vagrant-libvirt mmdebstrap:mmdebstrap pkill:procps"
    requirements=
else
    commands="ip:iproute2 nft:nftables ping:iputils-ping curl:curl nsenter:util-linux"
    requirements="requirements.txt"
fi

# The distribution's is what the modules run on elsewhere, and optimised, which one that pyenv has built is not. A python3
# that is first in the path may be too old, a shim that leads nowhere, or without the parts venv needs.
find_python() {
    for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
}

# What another call installs at this moment is not missing.
exec 9<.
flock 9
packages=
for pair in $commands; do
    command -v "${pair%%:*}" >/dev/null || packages="$packages ${pair#*:}"
done
[ -z "$requirements" ] || [ -x .venv/bin/python ] || [ -n "$(find_python)" ] || packages="$packages python3 python3-venv"
if [ -n "$packages" ]; then
    install="apt-get install --yes --no-install-recommends$packages"
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "missing on this machine:$packages; install with: sudo $install" >&2
        exit 1
    fi
    echo "installing$packages" >&2
    export DEBIAN_FRONTEND=noninteractive
    $install >/dev/null || { apt-get update >/dev/null && $install >/dev/null; }
fi
[ -n "$requirements" ] || exit 0
# Now, because tests run it where there is no network.
[ "$profile" != dev ] || ! command -v apt-get >/dev/null || tools/firewalld.sh >/dev/null

stamp=.venv/setup-$profile
wanted=$({ echo "$checkout"; cat tools/setup.sh tools/link.py requirements.txt requirements-dev.txt tests/unit/requirements.txt; } | sha256sum)
if [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then
    exit 0
fi

# A virtual environment knows its own path; one that was moved or copied with its checkout still means the old one.
if ! .venv/bin/python -c '' 2>/dev/null || ! grep -qx "command = .* $checkout/.venv" .venv/pyvenv.cfg; then
    python=$(find_python)
    if [ -z "$python" ]; then
        echo "no Python 3.11 or newer with venv on this machine: install one and put it first in the PATH" >&2
        exit 1
    fi
    "$python" -m venv --clear "$checkout/.venv"
fi
if [ "$profile" = dev ]; then
    # uv takes a fifth of pip's time.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$(grep '^uv==' requirements-dev.txt)"
    .venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python --requirement "$requirements"
else
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement "$requirements"
fi
.venv/bin/python tools/link.py
echo "$wanted" >"$stamp"
