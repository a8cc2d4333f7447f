# SPDX-License-Identifier: MIT
"""Kernels as distributions ship them, made into the ELF images that a hypervisor boots.

A bzImage is a real-mode loader, a decompressor, and the compressed ELF kernel as its payload; the
setup header says where the payload lies. It is unpacked here, before anything is booted: what is
trusted needs no decompressors then. An ELF image that was compressed as a whole is unpacked as well.
"""
import bz2
import hashlib
import lzma
import os
import re
import shutil
import struct
import subprocess
import zlib

from .config import UsageError

# The setup header (Linux: Documentation/x86/boot.rst).
BOOT_FLAG = (0x1FE, b"\x55\xaa")
HEADER = (0x202, b"HdrS")
VERSION = 0x206
SETUP_SECTORS = 0x1F1
PAYLOAD = 0x248
VERSION_WITH_PAYLOAD = 0x208
HEADER_BYTES = 0x250

GZIP = b"\x1f\x8b\x08"
ELF = b"\x7fELF"
ELF_64_LITTLE, X86_64 = b"\x02\x01", 62
# An ELF note named Xen, wherever it is kept: the last type, 18, is the entry of a PVH domain.
PV_NOTE = re.compile(rb"\x04\0{3}.\0{3}[\x01-\x11]\0{3}Xen\0", re.DOTALL)


class BadImage(Exception):
    """The kernel cannot be booted as a PV domain; the text says why."""


def unzip(data):
    stream = zlib.decompressobj(wbits=31)
    return stream.decompress(data), stream.eof


def unxz(data):
    stream = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    return stream.decompress(data), stream.eof


def unlzma(data):
    stream = lzma.LZMADecompressor(lzma.FORMAT_ALONE)
    return stream.decompress(data), stream.eof


def unbz2(data):
    stream = bz2.BZ2Decompressor()
    return stream.decompress(data), stream.eof


def unzstd(data):
    """Python 3.11 has no zstd."""
    if not shutil.which("zstd"):
        raise BadImage("compressed with zstd, and the command zstd is missing (package zstd)")
    done = subprocess.run(
        ["zstd", "-dcq", "--long=31"], input=data, capture_output=True, check=False
    )
    complaint = done.stderr.decode(errors="replace").strip()
    if done.returncode and "premature end" not in complaint:
        raise OSError(complaint)
    return done.stdout, done.returncode == 0


FORMATS = (
    ("gzip", GZIP, unzip),
    ("xz", b"\xfd7zXZ\0", unxz),
    ("zstd", b"\x28\xb5\x2f\xfd", unzstd),
    ("bzip2", b"BZh", unbz2),
    ("lzma", b"\x5d\0\0", unlzma),
    ("lz4", b"\x02\x21\x4c\x18", None),
    ("lzo", b"\x89LZO", None),
)


def format_of(data):
    """(name, function) of the compression `data` begins with, or None."""
    return next(((name, act) for name, magic, act in FORMATS if data.startswith(magic)), None)


def is_bzimage(data):
    return all(data[at : at + len(text)] == text for at, text in (BOOT_FLAG, HEADER))


def is_packed(data):
    """Whether there is anything to unpack; what else is no ELF image, the hypervisor refuses."""
    return is_bzimage(data) or format_of(data) is not None


def decompress(data):
    """What `data` was before it was compressed, and the format's name."""
    found = format_of(data)
    if not found:
        raise BadImage(f"unknown compression: it begins with {data[:6].hex(' ')}")
    name, act = found
    if not act:
        raise BadImage(f"compressed with {name}, which is not supported (gzip, xz, zstd are)")
    try:
        image, whole = act(data)
    except (zlib.error, lzma.LZMAError, OSError) as error:
        raise BadImage(f"its {name} data is damaged: {error}") from error
    if not whole:
        raise BadImage(f"its {name} data ends early: the file is truncated")
    return image, name


def payload(data):
    """The compressed kernel of a bzImage."""
    if len(data) < HEADER_BYTES:
        raise BadImage("a bzImage that ends in its setup header: the file is truncated")
    (version,) = struct.unpack_from("<H", data, VERSION)
    if version < VERSION_WITH_PAYLOAD:
        raise BadImage(
            f"boot protocol {version >> 8}.{version & 255:02}: too old to say where its kernel lies"
            " (2.08 does)"
        )
    offset, length = struct.unpack_from("<II", data, PAYLOAD)
    start = ((data[SETUP_SECTORS] or 4) + 1) * 512 + offset
    if length < 8 or start + length > len(data):
        raise BadImage(
            f"its kernel should be {length} bytes at {start}, but the file has {len(data)}:"
            " it is truncated"
        )
    return data[start : start + length]


def unpack(path, data):
    """(ELF image, how it was compressed) of what was read from `path`."""
    try:
        return image_of(data)
    except BadImage as error:
        raise UsageError(f"{path}: {error}") from error


def image_of(data):
    if not is_bzimage(data):
        image, how = (data, "nothing") if data.startswith(ELF) else decompress(data)
    else:
        packed = payload(data)
        # The last four bytes are the size: behind the data, but gzip has it there of itself.
        behind = 4 if not packed.startswith(GZIP) else 0
        image, how = decompress(packed[: len(packed) - behind])
        (size,) = struct.unpack_from("<I", packed, len(packed) - 4)
        if len(image) & 0xFFFFFFFF != size:
            raise BadImage(f"its kernel should be {size} bytes and is {len(image)}: damaged")
    check(image)
    return image, how


def check(image):
    """Raises BadImage unless this is an ELF image that says how it starts as a PV domain."""
    if not image.startswith(ELF):
        raise BadImage("what was compressed is no ELF image: not a kernel for a PV domain")
    if image[4:6] != ELF_64_LITTLE or struct.unpack_from("<H", image, 18)[0] != X86_64:
        raise BadImage("not an x86-64 kernel: a PV domain here is one of 64 bits")
    if not PV_NOTE.search(image) and b"__xen_guest" not in image:
        raise BadImage(
            "nothing in it is for Xen: a kernel without support for PV domains"
            " (Linux: CONFIG_XEN_PV)"
        )


def elf_of(path, build):
    """`path` itself, or for a packed kernel its ELF image, kept in the cache by its contents."""
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
        if not is_packed(head):
            return path
        data = head + file.read()
    kept = build.cache / "kernels" / f"{hashlib.sha256(data).hexdigest()[:32]}.elf"
    if not kept.is_file():
        image, _ = unpack(path, data)
        kept.parent.mkdir(parents=True, exist_ok=True)
        half = kept.with_suffix(f".{os.getpid()}")
        half.write_bytes(image)
        half.replace(kept)
    return kept
