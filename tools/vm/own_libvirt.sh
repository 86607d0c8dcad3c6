#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Run a command beside a libvirt of its own, in the namespaces that alone.sh is the first process of. HOME is a directory that
# run.py removes.
set -eu
mount -t tmpfs tmpfs /etc/libvirt
for directory in lib log cache; do
    mkdir -p "$HOME/libvirt/$directory"
    mount --bind "$HOME/libvirt/$directory" "/var/$directory/libvirt"
done
# There is no other user here to protect the machines from, and no systemd to ask for a cgroup.
cat >/etc/libvirt/qemu.conf <<'END'
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
END
virtlogd --daemon
libvirtd --daemon
exec "$@"
