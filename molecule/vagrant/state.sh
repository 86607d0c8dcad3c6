#!/bin/sh
# What a host's network is made of, as text, in an order of its own.
set -eu
ip -brief link
ip -brief address
ip -4 route show table all
ip -6 route show table all
ip neighbour show nud permanent
bridge fdb show
ip netns list
nft list ruleset
sysctl --all --pattern '^net\.ipv[46]\.(conf\.|ip_forward)'
ps -eo args | grep '[w]eft' || true
systemctl list-unit-files --no-legend 'weft*'
find /etc /usr/local /var/lib/weft /opt -type f -exec sha256sum {} + 2>/dev/null | sort -k 2
