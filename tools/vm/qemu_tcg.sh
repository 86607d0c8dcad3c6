#!/bin/sh
# QEMU whose emulation keeps 256 MiB of translated code a machine instead of up to 1 GiB: neither Vagrant nor QEMU's own
# configuration has an option for what libvirt would call tb-cache.
for argument; do
    shift
    [ "$argument" != tcg ] || argument=tcg,tb-size=256
    set -- "$@" "$argument"
done
exec qemu-system-x86_64 "$@"
