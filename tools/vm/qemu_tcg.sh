#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# QEMU as its emulation is fast, by what neither Vagrant nor libvirt has an option for:
# - 256 MiB of translated code a machine instead of up to 1 GiB;
# - no ERMS: "rep movsb" is emulated byte by byte, and the kernel would take it for all that it copies and clears;
# - programs at the same addresses each time: translated code is found by its address, so that each start of a program
#   at another one would be translated anew. And what the kernel does against side channels has no use here.
for argument; do
    shift
    case $argument in
    tcg) argument=tcg,tb-size=256 ;;
    max | max,*) argument=$argument,erms=off ;;
    root=*) argument="$argument norandmaps mitigations=off init_on_alloc=0" ;;
    esac
    set -- "$@" "$argument"
done
exec qemu-system-x86_64 "$@"
