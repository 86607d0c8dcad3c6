#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Run a command as the first process of namespaces that run.py made, with which everything here ends.
set -eu
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
# The memory of kernels that run as processes is files here.
mount -t tmpfs tmpfs /dev/shm
ip link set lo up
"$@"
