# SPDX-License-Identifier: MIT
"""Debian's stock Linux as a guest: the kernel as it is packaged, and a ramdisk with a shell.

The ramdisk has Debian's busybox, the kernel's modules that tests load, and whatever programs its
maker is given; its /init is tests/guests/linux/init.
"""
from . import cpio, debian
from .config import ROOT, ToolError

KERNEL = "linux-image-amd64"
NEWER = "linux-image-amd64/bookworm-backports"  # a kernel from later years, for the same Debian
BUSYBOX = "busybox-static"
MODULES = ("zsmalloc", "zram")  # in the order they are loaded
FILES = {
    KERNEL: ["boot/vmlinuz-*", "boot/config-*", *(f"lib/modules/*/{name}.ko" for name in MODULES)],
    NEWER: ["boot/vmlinuz-*"],
    BUSYBOX: ["bin/busybox"],
}
FOLDERS = ("bin", "dev", "lib", "proc", "sys", "tmp")
INIT = ROOT / "tests/guests/linux/init"


def package(build, name, say=print):
    return debian.fetch(build, name, FILES[name], say)


def only(folder, pattern):
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise ToolError(f"{folder}: {len(found)} files {pattern}, not one (remove the folder)")
    return found[0]


def kernel(build, name=KERNEL, say=print):
    """The bzImage, as Debian ships it."""
    return only(package(build, name, say), "boot/vmlinuz-*")


def versions(build, *names):
    """Names and versions of these packages, one each."""
    return [(package(build, name) / "version").read_text().strip() for name in names]


def ramdisk(build, programs, say=print):
    """The ramdisk's bytes; `programs` are paths of files for its /bin."""
    modules = package(build, KERNEL, say)
    members = [cpio.directory(name) for name in FOLDERS]
    members += [cpio.node("dev/console", 5, 1), cpio.Member("init", INIT.read_bytes())]
    busybox = package(build, BUSYBOX, say) / "bin/busybox"
    members += [cpio.Member(f"bin/{path.name}", path.read_bytes()) for path in (busybox, *programs)]
    for name in MODULES:
        path = only(modules, f"lib/modules/**/{name}.ko")
        members.append(cpio.Member(f"lib/{name}.ko", path.read_bytes()))
    return cpio.archive(members)
