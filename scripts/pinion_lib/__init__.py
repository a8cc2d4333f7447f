# SPDX-License-Identifier: MIT
"""What scripts/pinion is made of.

config    where things are, and what the exit statuses mean
machine   QEMU's command line for one boot
iso       GRUB images
bzimage   packed kernels, unpacked
cpio      ramdisks
domains   several domains: what the command line and sets ask for
ends      what became of each
debian    Debian's packages, fetched and unpacked
grub      Debian's GRUB, with a ramdisk in it
xen       Debian's Xen, fetched and unpacked
runner    one boot: serial output in, verdict out
scenarios names of the scenarios, their TAP lines, documented freedoms
matrix    every scenario on every platform
report    the table, TAP and JUnit
options   the command line and its help
cli       what the commands do
"""
