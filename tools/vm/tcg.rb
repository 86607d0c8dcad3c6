# Copyright (c) 2026, the weft.fabric authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Where KVM does not work: what run.py adds to Vagrant's configuration of each machine.
Vagrant.configure("2") do |config|
  config.vm.boot_timeout = 600
  config.vm.provider :libvirt do |libvirt|
    libvirt.driver = "qemu"
    libvirt.cpu_mode = "maximum"
    libvirt.emulator_path = File.join(__dir__, "qemu_tcg.sh")
    libvirt.graphics_type = "none"
  end
end
