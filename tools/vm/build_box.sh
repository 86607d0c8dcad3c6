#!/bin/sh
# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Build a machine's disk out of a Debian release's packages, and say where it is. Needs root.
#
#   tools/vm/build_box.sh debian12 | debian13
#
# disk boots by User-mode Linux, or by QEMU with vmlinuz and initrd; the user vagrant has the private key. A box for Vagrant and
# libvirt is made of the same.
#
# A box is kept under /var/cache/weft by what it is made from: a second build costs nothing. All of it may be deleted.
set -eu
cache=/var/cache/weft/boxes
# What hosts of this collection need; what the tests of the suite need in a virtual machine.
packages="systemd-sysv udev dbus kmod busybox-static procps openssh-server sudo ca-certificates
python3 python3-pyroute2 iproute2 iputils-ping nftables curl ethtool iperf3 wireguard-tools
network-manager iptables containernetworking-plugins dhcpcd-base openssh-client python3-venv python3-pytest python3-pytest-xdist python3-hypothesis python3-yaml"

case ${1:-} in
debian12) suite=bookworm ;;
debian13) suite=trixie ;;
*)
    echo "usage: $0 debian12 | debian13" >&2
    exit 2
    ;;
esac
name=$1
architecture=$(dpkg --print-architecture)
# What the distribution's packages are by now is no part of it: delete the box to have them newer.
here=$(dirname "$0")
made_from=$({ cat "$0" "$here/keep_compiled.py" && echo "$name $architecture"; } | sha256sum | cut -c1-16)
box=$cache/$name-$made_from

if [ -e "$box" ]; then
    echo "$box"
    exit 0
fi
if [ "$(id -u)" != 0 ]; then
    echo "$box is not built yet, and building it needs root: sudo $0 $name" >&2
    exit 1
fi
mkdir -p "$cache"
exec 9>"$cache/lock"
flock 9
# Another build may have made it while this one waited.
if [ -e "$box" ]; then
    echo "$box"
    exit 0
fi

work=$(mktemp -d "$cache/.$name.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM HUP
echo "building the box $name (once; kept in $box)" >&2

mkdir "$work/made" "$work/box"
ssh-keygen -q -t ed25519 -N "" -C "$name" -f "$work/key"
mv "$work/key" "$work/made/key"
# And the public half of Vagrant's well-known key pair: such machines are reachable from this one only.
cat "$work/key.pub" - >"$work/authorized_keys" <<'END'
ssh-rsa AAAAB3NzaC1yc2EAAAABIwAAAQEA6NF8iallvQVp22WDkTkyrtvp9eWW6A8YVr+kz4TjGYe7gHzIw+niNltGEFHzD8+v1I2YJ6oXevct1YeS0o9HZyN1Q9qgCgzUFtdOKLv6IedplqoPkcmF0aYet2PkEDo3MlTBckFXPITAMzF8dJSIFo9D8HfdOV0IAdx4O7PtixWKn5y2hMNG0zQPyUecp4pzC6kivAIhyfHilFR61RGL+GPXQ2MWZWFYbAGjyiYJnAmCP3NOTd0jMZEnDkbUvxhMmBYSdETk1rRgm+R4LOzFUGaHqHDLKLX+FIPKcF96hrucXzcWyLbIbEgE98OHlnVYCzRdK8jlqm8tehUc9c9WhQ== vagrant insecure public key
END
# Only the first interface: Vagrant configures the others. machines.py has systemd configure all by the kernel's command line.
cat >"$work/eth0.network" <<'END'
[Match]
Name=eth0

[Network]
DHCP=ipv4
END
cp "$here/keep_compiled.py" "$work/keep_compiled.py"
# systemd takes an empty machine-id for a machine that is yet to get its own. NetworkManager is there for tests that
# hand it the machine; until then networkd has it alone.
cat >"$work/customise" <<'END'
#!/bin/sh
set -eu
root=$1
work=$2
chroot "$root" useradd --create-home --shell /bin/bash vagrant
install -d -m 700 -o 1000 -g 1000 "$root/home/vagrant/.ssh"
install -m 600 -o 1000 -g 1000 "$work/authorized_keys" "$root/home/vagrant/.ssh/authorized_keys"
echo "vagrant ALL=(ALL) NOPASSWD: ALL" >"$root/etc/sudoers.d/vagrant"
install -m 644 "$work/eth0.network" "$root/etc/systemd/network/eth0.network"
# User-mode Linux calls its interfaces vec0, vec1, ...
for number in 0 1 2; do
    printf '%s\n' "[Match]" "OriginalName=vec$number" "[Link]" "Name=eth$number" >"$root/etc/systemd/network/10-eth$number.link"
done
chroot "$root" systemctl enable systemd-networkd systemd-network-generator
chroot "$root" systemctl mask NetworkManager NetworkManager-wait-online
# Chores that a machine of some minutes does without, and what nobody needs who only comes by SSH: a sixth of what an emulated
# machine takes to boot.
chroot "$root" systemctl mask apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap fstrim.timer \
    getty@tty1 serial-getty@ttyS0 systemd-binfmt dev-hugepages.mount dev-mqueue.mount \
    sys-kernel-debug.mount sys-kernel-tracing.mount \
    modprobe@configfs modprobe@dm_mod modprobe@drm modprobe@efi_pstore modprobe@fuse modprobe@loop
# The disk has another name in each kind of machine, and is mounted as it shall be.
: >"$root/etc/fstab"
install -m 644 "$work/keep_compiled.py" "$root/usr/lib/python3/dist-packages/keep_compiled.py"
echo "import keep_compiled" >"$root/usr/lib/python3/dist-packages/keep_compiled.pth"
echo "d /run/keep_compiled 0700 root root" >"$root/etc/tmpfiles.d/keep_compiled.conf"
# A login by PAM starts a session, and the first one a manager of user units: on an emulated machine, for ten seconds. Without
# PAM, a password that is locked rather than none would keep the key out as well, and nobody but the server ends sessions
# while a machine that goes down still has its network.
printf '%s\n' "UseDNS no" "UsePAM no" >"$root/etc/ssh/sshd_config.d/vagrant.conf"
install -d "$root/etc/systemd/system/ssh.service.d"
printf '%s\n' "[Service]" "KillMode=control-group" >"$root/etc/systemd/system/ssh.service.d/sessions.conf"
chroot "$root" usermod --password '*' vagrant
# What is done once after an upgrade has been done.
touch "$root/etc/.updated" "$root/var/.updated"
echo localhost >"$root/etc/hostname"
echo "127.0.0.1 localhost" >"$root/etc/hosts"
: >"$root/etc/machine-id"
END
chmod +x "$work/customise"

# shellcheck disable=SC2086
include=$(printf '%s,' linux-image-cloud-$architecture $packages)
# The initrd is made below.
INITRD=No mmdebstrap --quiet --variant=minbase --include="${include%,}" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook="$work/customise \"\$1\" $work" \
    "$suite" "$work/root" >&2

cp "$work"/root/boot/vmlinuz-* "$work/made/vmlinuz"
# An initrd of what it takes to have the disk. With Debian's, an emulated machine begins twelve seconds later.
mkdir -p "$work/root/initrd/bin" "$work/root/initrd/dev" "$work/root/initrd/modules" "$work/root/initrd/root"
cp "$work/root/bin/busybox" "$work/root/initrd/bin/busybox"
cat >"$work/root/initrd/init" <<'END'
#!/bin/busybox sh
busybox mount -t devtmpfs dev /dev
for module in /modules/*; do
    busybox insmod "$module"
done
until busybox mount -o noatime -t ext4 /dev/vda /root; do
    busybox sleep 0.1
done
busybox mount -o move /dev /root/dev
exec busybox switch_root /root /sbin/init
END
chmod +x "$work/root/initrd/init"
cat >"$work/root/make-initrd" <<'END'
set -eu
kernel=$(basename /lib/modules/*)
number=10
# What the kernel has built in is no file, and what both need is needed once.
for driver in virtio_pci virtio_blk; do
    modprobe --set-version "$kernel" --show-depends "$driver"
done | busybox awk '$1 == "insmod" && !seen[$2]++ {print $2}' | while read -r module; do
    case $module in
    *.xz) busybox xzcat "$module" ;;
    *) cat "$module" ;;
    esac >"/initrd/modules/$number.ko"
    number=$((number + 1))
done
cd /initrd
busybox find . | busybox cpio -o -H newc
END
chroot "$work/root" sh /make-initrd >"$work/made/initrd"
rm -r "$work/root/initrd" "$work/root/make-initrd"
truncate --size 4G "$work/made/disk"
mkfs.ext4 -q -d "$work/root" "$work/made/disk"
cp "$work/made/vmlinuz" "$work/made/initrd" "$work/box"
qemu-img convert -c -O qcow2 -o compression_type=zstd "$work/made/disk" "$work/box/box.img"
echo '{"provider": "libvirt", "format": "qcow2", "virtual_size": 4}' >"$work/box/metadata.json"
# The machine boots the kernel beside this file, which spares the box a boot loader.
cat >"$work/box/Vagrantfile" <<'END'
Vagrant.configure("2") do |config|
  config.ssh.insert_key = false
  config.vm.synced_folder ".", "/vagrant", disabled: true
  config.vm.provider :libvirt do |libvirt|
    libvirt.kernel = File.expand_path("vmlinuz", __dir__)
    libvirt.initrd = File.expand_path("initrd", __dir__)
    libvirt.cmd_line = "root=/dev/vda console=ttyS0 net.ifnames=0 quiet"
  end
end
END
tar --create --file "$work/made/$name.box" --directory "$work/box" .
# A version in time, so that Vagrant prefers this box to one that was made before it from something else.
cat >"$work/made/$name.json" <<END
{
  "name": "weft/$name",
  "versions": [{
    "version": "$(date --utc +%Y%m%d.%H%M%S)",
    "providers": [{"name": "libvirt", "url": "file://$box/$name.box"}]
  }]
}
END
chmod 755 "$work/made"
mv "$work/made" "$box"
echo "$box"
