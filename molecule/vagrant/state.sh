#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Prints a host's network and its configuration as text, in a fixed order.
set -eu
ip -brief link
ip -brief address
ip -4 route show table all
# The kernel orders routes that differ only in their device by the time when their links came up.
ip -6 route show table all | sort
ip neighbour show nud permanent
bridge fdb show | sort
ip netns list
nft list ruleset
sysctl --all --pattern '^net\.ipv[46]\.(conf\.|ip_forward)'
pgrep --full --list-full weft || true
find /etc /opt /usr/local /var/lib -path /var/lib/systemd -prune -o -type f -exec sha256sum {} + | sort -k 2
