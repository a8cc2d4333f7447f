# SPDX-License-Identifier: MIT
"""The command line of scripts/pinion: its commands, options and help."""
import argparse
import os
from pathlib import Path

from . import machine, matrix

STATUSES = """\
exit status:
  0    success: the kernel printed `Test result: SUCCESS`, or none and powered off
  2    the command line is wrong
  3    skip
  4    error: the test broke, or something this tool needs is missing
  5    failure: the subject broke
  6    crash of the guest or of the hypervisor
  124  timeout
With several domains: that of the domain that did worst (crash, failure, error, skip, success).
"""

RUN_TEXT = """\
Boots KERNEL, a 64-bit PV kernel, under Pinion (or Debian's Xen 4.17) in QEMU and
shows the serial line as it comes. On a terminal, what is typed goes to the serial
line; Ctrl-C ends the run. Several domains: --domain, once for each, or --domains with a
file that describes a set; a KERNEL beside them is the first, the initial domain unless --domu.
Ctrl-A three times gives the keyboard to the next domain. Each line of output begins with the name of
the domain that wrote it, and the run ends with what became of each.

a domain is KEY=VALUE,...; a value with a comma in it is quoted: cmdline="a=1,2 b"
  kernel=FILE           64-bit PV kernel; needed (but for the store), the others are not
  module=FILE           its ramdisk; for GRUB, an archive that becomes its (memdisk)
  cmdline=TEXT          its command line
  name=NAME             the kernel's file name otherwise
  role=ROLE             domu (so without it), initial or store: at most one of these two each
  memory=SIZE           with k, M or G; that of --memory otherwise
  max-memory=SIZE       to which it may grow; memory= otherwise
  vcpus=N               1 otherwise
  weight=N              share of the CPU against the others'; 256 otherwise
  on-reboot=restart|destroy, on-crash=destroy|restart
                        what happens when it ends in this way

a set (TOML; file names are relative to it; [machine] can be left out):
  [machine]
  memory = "1G"
  options = "audit=exit"
  [domain.one]
  kernel = "guest.elf"
  module = "initrd.cpio"
  cmdline = "scenarios=all"
  [domain.two]
  kernel = "guest.elf"
  weight = 512

examples:
  pinion run build/guest.elf --module build/initrd.cpio --cmdline scenarios=all
  pinion run build/guest.elf --module build/initrd.cpio --on xen
  pinion run my-kernel.elf --domu --firmware uefi --log run.log
  pinion run my-kernel.elf --gdb
  pinion run /boot/vmlinuz --memory 256M --module initrd.cpio --cmdline console=hvc0
  pinion run --domain kernel=a.elf,vcpus=2 --domain kernel=b.elf,cmdline=quiet
  pinion run --domains set.toml
"""

UNPACK_TEXT = """\
Writes the ELF kernel that is packed in a bzImage (gzip, xz, zstd, bzip2, lzma), or in a
file compressed as a whole. `pinion run` does this by itself; for GRUB media, where the
hypervisor is given the module as it is, do it once.
"""

TEST_TEXT = """\
Runs every scenario of the guest on every platform, one boot a platform, and
prints a table, scenario by platform. A result on Pinion that differs from the one
on Xen is a failure unless tests/scenarios/freedoms.txt gives the reason. The last
line is `N passed, N failed, N skipped`; exit status 0 or 5. The serial log of each
boot is kept in build/test/.
"""

ISO_TEXT = """\
Writes a GRUB image, for BIOS and UEFI, that boots the built pair, or the domains that
are given with --domain and --domains as `pinion run` takes them.
"""


def add_machine(parser):
    """Options of the machine that `run` and `test` share."""
    parser.add_argument(
        "--memory", default="64M", metavar="SIZE", help="guest's memory (%(default)s)"
    )
    parser.add_argument(
        "--host-memory", default="512M", metavar="SIZE", help="machine's memory (512M)"
    )
    parser.add_argument("--cpu", default=machine.CPU, help=f"QEMU's CPU model ({machine.CPU})")
    parser.add_argument(
        "--hv-option",
        action="append",
        default=[],
        metavar="WORD",
        help="a hypervisor option (repeatable)",
    )
    parser.add_argument(
        "--timeout", type=seconds, default=60.0, metavar="S", help="seconds for one boot (60)"
    )


def add_domains(parser):
    """Options that describe several domains."""
    parser.add_argument(
        "--domain",
        action="append",
        default=[],
        metavar="KEY=VALUE,...",
        help="a domain (repeatable)",
    )
    parser.add_argument(
        "--domains",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="domains of a TOML file",
    )
    parser.add_argument(
        "--store",
        action=argparse.BooleanOptionalAction,
        help="a store domain beside the others, build/store.elf: --domain role=store,name=store"
        " (where --domain or --domains ask for a domU: yes)",
    )


def seconds(text):
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def parser(run, listing, test, iso, unpack):
    """The whole command line; the arguments carry out each command."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="pinion",
        description="Runs and tests kernels under Pinion.",
        epilog=STATUSES,
        formatter_class=raw,
    )
    top.add_argument(
        "--build", metavar="DIR", help="output directory of make (build, or $PINION_BUILD)"
    )
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    running = sub.add_parser(
        "run",
        help="boot a kernel and report how it ended",
        description=RUN_TEXT,
        epilog=STATUSES,
        formatter_class=raw,
    )
    running.add_argument(
        "kernel",
        type=Path,
        nargs="?",
        metavar="KERNEL",
        help="64-bit PV kernel: ELF image or bzImage",
    )
    add_domains(running)
    running.add_argument("--cmdline", default="", metavar="S", help="the kernel's command line")
    running.add_argument(
        "--module",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="ramdisk for the kernel (repeatable)",
    )
    kind = running.add_mutually_exclusive_group()
    kind.add_argument(
        "--initial-domain", action="store_true", help="as the initial domain (default)"
    )
    kind.add_argument(
        "--domu", action="store_true", help="as an unprivileged domain with a console ring"
    )
    running.add_argument(
        "--on", choices=("pinion", "xen"), default="pinion", help="the hypervisor (%(default)s)"
    )
    running.add_argument(
        "--firmware",
        choices=("direct", "bios", "uefi"),
        default="direct",
        help="direct: QEMU loads the hypervisor; bios, uefi: GRUB does (%(default)s)",
    )
    add_machine(running)
    # A set of domains may say otherwise, and asks for a larger machine when it needs one.
    running.set_defaults(host_memory=None, cpu=None)
    running.add_argument(
        "--input",
        action="store_true",
        help="what comes in on standard input is typed, even if it is no terminal",
    )
    running.add_argument("--log", metavar="FILE", help="also write the serial lines to FILE")
    running.add_argument("--gdb", action="store_true", help="wait for gdb; without a timeout")
    running.add_argument(
        "--trace", action="store_true", help="log each step of page faults and table updates"
    )
    running.add_argument(
        "--qemu-arg",
        action="append",
        default=[],
        metavar="ARG",
        help="a further QEMU argument (repeatable; --qemu-arg=-ARG)",
    )
    running.add_argument(
        "--hypervisor", type=Path, metavar="FILE", help="image to boot instead of build/pinion.elf"
    )
    running.add_argument(
        "--summary", action="store_true", help="end with a table of the scenarios that reported"
    )
    running.add_argument("--verbose", action="store_true", help="print QEMU's command line first")
    running.set_defaults(act=run)

    names = sub.add_parser(
        "list",
        help="list scenarios and platforms",
        description="Lists the scenarios, and the platforms `pinion test` runs them on.",
    )
    names.set_defaults(act=listing)

    testing = sub.add_parser(
        "test",
        help="run all scenarios on all platforms",
        description=TEST_TEXT,
        formatter_class=raw,
    )
    testing.add_argument(
        "-k",
        dest="pattern",
        metavar="PATTERN",
        help="only scenarios with this text or shell pattern",
    )
    testing.add_argument(
        "-j",
        dest="jobs",
        type=int,
        default=os.cpu_count() or 1,
        metavar="N",
        help="boots at a time",
    )
    testing.add_argument(
        "--platform",
        action="append",
        choices=list(matrix.PLATFORMS),
        metavar="NAME",
        help="only this platform (repeatable): " + ", ".join(matrix.PLATFORMS),
    )
    add_machine(testing)
    testing.add_argument("--tap", action="store_true", help="print TAP instead of the table")
    testing.add_argument("--junit", metavar="FILE", help="also write JUnit XML to FILE")
    testing.set_defaults(act=test)

    image = sub.add_parser(
        "iso",
        help="write a GRUB image that boots the built pair, or several domains",
        description=ISO_TEXT,
        formatter_class=raw,
    )
    add_domains(image)
    image.add_argument(
        "--hv-option",
        action="append",
        default=[],
        metavar="WORD",
        help="a hypervisor option (repeatable)",
    )
    image.add_argument("out", type=Path, metavar="FILE")
    image.add_argument(
        "--cmdline", default="scenarios=all", metavar="S", help="the guest's command line"
    )
    image.add_argument(
        "--memory", default="64M", metavar="SIZE", help="guest's memory (%(default)s)"
    )
    image.set_defaults(act=iso, kernel=None, module=[], domu=False, host_memory=None, cpu=None)

    packed = sub.add_parser(
        "unpack",
        help="write the ELF kernel that is packed in a bzImage",
        description=UNPACK_TEXT,
        formatter_class=raw,
    )
    packed.add_argument("kernel", type=Path, metavar="BZIMAGE")
    packed.add_argument("-o", dest="out", type=Path, required=True, metavar="FILE")
    packed.set_defaults(act=unpack)
    return top
