# SPDX-License-Identifier: MIT
"""GRUB's PV image as a guest: Debian's, with a ramdisk as what GRUB calls (memdisk).

GRUB never looks at the module that its domain was given: (memdisk) is an object in the image, behind
its code, in one segment with its modules. So a ramdisk for GRUB goes there, before it is booted.
"""
import hashlib
import os
import struct

from . import debian
from .config import ToolError

PACKAGE = "grub-xen-host"
IMAGE = "usr/lib/grub-xen/grub-x86_64-xen.bin"

LOAD = 1  # PT_LOAD
PROGRAM_HEADER = struct.Struct("<IIQQQQQQ")
# What GRUB's image maker writes: include/grub/kernel.h.
INFO = struct.Struct("<4sIQQ")  # magic, padding, offset of the first object, size of all
MAGIC = b"mimg"
OBJECT = struct.Struct("<II")  # type, size with this header
MEMDISK = 1
SECTOR = 512


def fetch(build, say=print):
    """Debian's image."""
    return debian.fetch(build, PACKAGE, [IMAGE], say) / IMAGE


def version(build):
    """Name and version of the package."""
    return (debian.fetch(build, PACKAGE, [IMAGE]) / "version").read_text().strip()


def segments(data):
    """[(place of the header, its fields)] of an ELF image's program headers."""
    if data[:6] != b"\x7fELF\x02\x01" or len(data) < 64:
        return []
    (at,) = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    if size < PROGRAM_HEADER.size or at + size * count > len(data):
        return []
    places = [at + size * i for i in range(count)]
    return [(place, PROGRAM_HEADER.unpack_from(data, place)) for place in places]


def modules_of(data):
    """The program header of the segment that holds GRUB's objects, as in segments(), or None."""
    for place, fields in segments(data):
        kind, _, offset, _, _, size = fields[:6]
        if kind == LOAD and data[offset : offset + 4] == MAGIC and INFO.size <= size:
            return place, fields
    return None


def objects(segment):
    """[(type, contents)] of a segment of objects."""
    _, _, at, size = INFO.unpack_from(segment)
    found = []
    end = min(size, len(segment))
    while at + OBJECT.size <= end:
        kind, length = OBJECT.unpack_from(segment, at)
        if length < OBJECT.size or at + length > end:
            raise ToolError("GRUB's image has an object that ends beyond it")
        found.append((kind, segment[at + OBJECT.size : at + length]))
        at += length
    return found


def with_memdisk(data, disk):
    """GRUB's image with `disk` for its (memdisk)."""
    found = modules_of(data)
    if not found:
        raise ToolError("this is no image of GRUB's")
    place, (kind, flags, offset, virtual, physical, size, _, align) = found
    disk += bytes(-len(disk) % SECTOR)
    kept = [part for part in objects(data[offset : offset + size]) if part[0] != MEMDISK]
    packed = b"".join(
        OBJECT.pack(kind, OBJECT.size + len(contents)) + contents
        for kind, contents in [*kept, (MEMDISK, disk)]
    )
    segment = INFO.pack(MAGIC, 0, INFO.size, INFO.size + len(packed)) + packed
    # The file offset must be that of the address, modulo the alignment.
    new_offset = len(data) + (virtual - len(data)) % max(align, 1)
    image = bytearray(data + bytes(new_offset - len(data)) + segment)
    sizes = (len(segment), len(segment))
    PROGRAM_HEADER.pack_into(
        image, place, kind, flags, new_offset, virtual, physical, *sizes, align
    )
    image[40:48] = bytes(8)  # sections are not where they were: there are none
    image[60:64] = bytes(4)
    return bytes(image)


def given_memdisk(kernel, modules, build):
    """(kernel, modules) as they are to be booted: with GRUB, the one module becomes its (memdisk)."""
    if len(modules) != 1:
        return kernel, modules
    data = kernel.read_bytes()
    if not modules_of(data):
        return kernel, modules
    image = with_memdisk(data, modules[0].read_bytes())
    target = build.cache / "grub" / f"{hashlib.sha256(image).hexdigest()[:16]}-{kernel.name}"
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_suffix(f".{os.getpid()}")
        part.write_bytes(image)
        part.replace(target)
    return target, []
