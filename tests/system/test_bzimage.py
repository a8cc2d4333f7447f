# SPDX-License-Identifier: MIT
"""Packed kernels: `pinion run` boots them as they are, `pinion unpack` writes the ELF image."""

import bz2
import gzip
import lzma
import struct
import subprocess

import pytest
from conftest import boot, call

PACK = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "zstd": lambda data: subprocess.run(
        ["zstd", "-cq"], input=data, capture_output=True, check=True
    ).stdout,
    "bzip2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, lzma.FORMAT_ALONE),
}


def bzimage(image, how, version=0x20F, size=None):
    """A bzImage as Linux's build makes it, but for the code in it."""
    packed = PACK[how](image) if how in PACK else how + bytes(32)
    if how != "gzip":
        packed += struct.pack("<I", len(image) if size is None else size)
    sectors, offset = 3, 0x2A0
    head = bytearray((sectors + 1) * 512 + offset)
    head[0x1F1] = sectors
    head[0x1FE:0x200] = b"\x55\xaa"
    head[0x202:0x206] = b"HdrS"
    struct.pack_into("<H", head, 0x206, version)
    struct.pack_into("<II", head, 0x248, offset, len(packed))
    return bytes(head) + packed + bytes(100)


@pytest.fixture
def packed(tmp_path, hello):
    """packed(HOW, **what bzimage() takes) is the path of a bzImage of the kernel that says hello."""

    def make(how, image=None, cut=0, **options):
        data = bzimage(hello.read_bytes() if image is None else image, how, **options)
        path = tmp_path / "vmlinuz"
        path.write_bytes(data[: len(data) - cut])
        return path

    return make


@pytest.mark.parametrize("how", list(PACK))
def test_what_is_unpacked_is_what_was_packed(packed, hello, tmp_path, how):
    done = call("unpack", packed(how), "-o", tmp_path / "out")
    assert done.status == 0, done.err
    assert how in done.err
    assert (tmp_path / "out").read_bytes() == hello.read_bytes()


@pytest.mark.parametrize("how", ["gzip", "xz"])
def test_run_boots_it_as_it_is(packed, how):
    done = boot(packed(how))
    assert done.status == 0, done.err
    assert "hello" in done.out


def test_elf_image_compressed_as_a_whole(tmp_path, hello):
    path = tmp_path / "kernel.gz"
    path.write_bytes(gzip.compress(hello.read_bytes()))
    done = boot(path)
    assert done.status == 0, done.err
    assert "hello" in done.out


def test_unpacking_a_plain_elf_image_is_a_copy(tmp_path, hello):
    assert call("unpack", hello, "-o", tmp_path / "out").status == 0
    assert (tmp_path / "out").read_bytes() == hello.read_bytes()


@pytest.mark.parametrize("how", list(PACK))
def test_truncated_files(packed, how):
    """Cut off behind the setup header, in the payload, or with a header that fits the cut."""
    for cut in (104, 200):
        done = call("run", packed(how, cut=cut))
        assert done.status == 2 and "truncated" in done.err, done


@pytest.mark.parametrize("how", list(PACK))
def test_payload_that_ends_early(packed, hello, tmp_path, how):
    whole = PACK[how](hello.read_bytes())
    path = tmp_path / "kernel.packed"
    path.write_bytes(whole[: len(whole) // 2])
    done = call("unpack", path, "-o", tmp_path / "out")
    assert done.status == 2 and "truncated" in done.err, done
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", ["gzip", "xz", "zstd"])
def test_damaged_payload(packed, how):
    path = packed(how)
    data = bytearray(path.read_bytes())
    middle = (0xAA0 + len(data) - 104) // 2
    for at in range(middle, middle + 64):
        data[at] ^= 0x5A
    path.write_bytes(data)
    done = call("run", path)
    assert done.status == 2 and ("damaged" in done.err or "truncated" in done.err), done


def test_wrong_size(packed):
    done = call("run", packed("xz", size=4096))
    assert done.status == 2 and "should be 4096 bytes" in done.err


@pytest.mark.parametrize(
    "magic,word", [(b"\x02\x21\x4c\x18", "lz4"), (b"\x89LZO", "lzo"), (b"what", "77 68 61 74")]
)
def test_formats_that_are_not_known(packed, magic, word):
    done = call("run", packed(magic))
    assert done.status == 2 and word in done.err, done


def test_old_boot_protocol(packed):
    done = call("run", packed("gzip", version=0x207))
    assert done.status == 2 and "2.07" in done.err


def test_no_elf_inside(packed):
    done = call("run", packed("gzip", image=b"#!/bin/sh\n" * 100))
    assert done.status == 2 and "no ELF image" in done.err


def test_kernel_without_pv_support(packed):
    """Any program of this machine: a 64-bit ELF image that says nothing of Xen."""
    with open("/proc/self/exe", "rb") as file:
        done = call("run", packed("gzip", image=file.read()))
    assert done.status == 2 and "CONFIG_XEN_PV" in done.err


def test_32_bit_kernel(packed, hello):
    image = bytearray(hello.read_bytes())
    image[4] = 1
    done = call("run", packed("gzip", image=bytes(image)))
    assert done.status == 2 and "not an x86-64 kernel" in done.err


def test_missing_zstd_is_said(packed, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to("/usr/bin/python3")
    done = call("run", packed("zstd"), env={"PATH": str(tmp_path / "bin")})
    assert done.status == 2 and "package zstd" in done.err, done
