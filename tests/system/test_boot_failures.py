# SPDX-License-Identifier: MIT
"""Boots that cannot work: each says why on one line and stops cleanly (status 6)."""

import random
import struct
import subprocess

import pytest
from conftest import BUILD, boot

EHDR = struct.Struct("<16sHHIQQQIHHHHHH")
PHDR = struct.Struct("<IIQQQQQQ")
PHOFF, PHNUM, PHENTSIZE, ENTRY = 5, 10, 9, 4
P_TYPE, P_OFFSET, P_VADDR, P_PADDR, P_FILESZ, P_MEMSZ = 0, 2, 3, 4, 5, 6


class Image:
    """An ELF file whose header fields can be bent."""

    def __init__(self, path):
        self.bytes = bytearray(path.read_bytes())

    def set(self, field, value):
        header = list(EHDR.unpack_from(self.bytes))
        header[field] = value
        EHDR.pack_into(self.bytes, 0, *header)

    def set_segment(self, index, field, value):
        at = EHDR.unpack_from(self.bytes)[PHOFF] + index * PHDR.size
        segment = list(PHDR.unpack_from(self.bytes, at))
        segment[field] = value
        PHDR.pack_into(self.bytes, at, *segment)


def refused(done):
    """What a boot that was stopped says is wrong: the panic's line, and the one on the image."""
    assert done.status == 6, (done.status, done.err, done.out[-2000:])
    assert len(done.panics) == 1, done.out[-2000:]
    assert done.panics[0], "an empty reason"
    about = [line for line in done.out.splitlines() if 'Guest kernel "' in line]
    assert len(about) <= 1, "more than one reason"
    return "\n".join(about + done.panics)


def file_of(tmp_path, content, name="bad.elf"):
    path = tmp_path / name
    path.write_bytes(content)
    return path


def test_no_module(hello):
    """QEMU drops the last -initrd with an empty value: no module at all."""
    done = boot(hello, "--qemu-arg=-initrd", "--qemu-arg=")
    assert "No guest kernel" in refused(done)


def test_empty_module(tmp_path):
    # QEMU refuses a module of no bytes itself, so the smallest one has a byte.
    assert "not an ELF" in refused(boot(file_of(tmp_path, b"\0")))


def test_text_file(tmp_path):
    said = refused(boot(file_of(tmp_path, b"#!/bin/sh\necho hello\n" * 100, "script.sh")))
    assert "script.sh" in said and "not an ELF" in said


def test_32_bit_elf(tmp_path, hello):
    image = Image(hello)
    image.bytes[4] = 1
    assert refused(boot(file_of(tmp_path, image.bytes)))


@pytest.mark.parametrize("size", [5, 40, 63, 64, 100, 500])
def test_truncated_in_headers(tmp_path, hello, size):
    said = refused(boot(file_of(tmp_path, Image(hello).bytes[:size])))
    assert "runcated" in said or "not an ELF" in said or "outside" in said, said


def test_truncated_in_a_segment(tmp_path, hello):
    """Half of the text segment is missing."""
    said = refused(boot(file_of(tmp_path, Image(hello).bytes[:0x1800])))
    assert "runcated" in said or "outside" in said, said


def test_without_xen_notes(tmp_path):
    source = tmp_path / "plain.c"
    source.write_text("void _start(void) { for (;;) ; }\n")
    target = tmp_path / "plain.elf"
    line = ["gcc", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-o", target, source]
    subprocess.run(line, check=True)
    assert "plain.elf" in refused(boot(target))


HUGE = 0xFFFF_FFFF_FFFF_F000
ABSURD = {
    "no segments": lambda i: i.set(PHNUM, 0),
    "65535 segments": lambda i: i.set(PHNUM, 0xFFFF),
    "segment table beyond the file": lambda i: i.set(PHOFF, 1 << 40),
    "segment table wraps": lambda i: i.set(PHOFF, HUGE),
    "tiny segment entries": lambda i: i.set(PHENTSIZE, 1),
    "segment beyond the file": lambda i: i.set_segment(0, P_OFFSET, 1 << 40),
    "segment offset wraps": lambda i: i.set_segment(0, P_OFFSET, HUGE),
    "file size wraps": lambda i: i.set_segment(0, P_FILESZ, HUGE),
    "memory size is absurd": lambda i: i.set_segment(0, P_MEMSZ, 1 << 50),
    "memory size wraps": lambda i: i.set_segment(0, P_MEMSZ, HUGE),
    "memory below file size": lambda i: i.set_segment(0, P_MEMSZ, 1),
    "address wraps": lambda i: i.set_segment(0, P_PADDR, HUGE),
    "far address": lambda i: i.set_segment(0, P_PADDR, 1 << 45),
    "entry notes wrap": lambda i: i.set_segment(1, P_FILESZ, HUGE),
    "notes beyond the file": lambda i: i.set_segment(1, P_OFFSET, 1 << 33),
    "segment as large as the machine": lambda i: i.set_segment(0, P_MEMSZ, 512 << 20),
}


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_headers(tmp_path, hello, name):
    image = Image(hello)
    ABSURD[name](image)
    refused(boot(file_of(tmp_path, image.bytes)))


def broken_notes(hello, old, new):
    data = Image(hello).bytes
    assert data.count(old) == 1
    at = data.find(old)
    data[at : at + len(old)] = new
    return data


def test_not_for_xen_3(tmp_path, hello):
    data = broken_notes(hello, b"xen-3.0\0", b"xen-9.9\0")
    assert refused(boot(file_of(tmp_path, data)))


def test_note_of_absurd_size(tmp_path, hello):
    old = struct.pack("<III", 4, 8, 3) + b"Xen\0"
    new = struct.pack("<III", 4, 0xFFFFFFF0, 3) + b"Xen\0"
    assert refused(boot(file_of(tmp_path, broken_notes(hello, old, new))))


@pytest.mark.parametrize(
    "virt_base", [0, 0x1000, 0x0000_8000_0000_0000, 0xFFFF_8000_0000_0000, 0xFFFF_FFFF_FFFF_F000]
)
def test_virt_base_where_it_cannot_be(tmp_path, hello, virt_base):
    """Not canonical, the hypervisor's range, or an entry point outside of the image."""
    old = struct.pack("<III", 4, 8, 3) + b"Xen\0" + struct.pack("<Q", 0xFFFFFFFF80000000)
    new = old[:-8] + struct.pack("<Q", virt_base)
    assert refused(boot(file_of(tmp_path, broken_notes(hello, old, new))))


@pytest.mark.parametrize("seed", range(6))
def test_random_headers_end_the_run(tmp_path, hello, seed):
    """Bent bytes in headers and notes: refused, or the guest lives or dies; never a hang
    of the hypervisor or a page fault in it."""
    random.seed(seed)
    image = Image(hello)
    for _ in range(8):
        image.bytes[random.randrange(16, 64 + 2 * PHDR.size)] = random.choice([0, 1, 0x7F, 0xFF])
    done = boot(file_of(tmp_path, image.bytes), timeout=10)
    assert done.status in (0, 4, 6, 124), done.err
    assert not [said for said in done.panics if "FAULT" in said.upper()], done.out[-2000:]


def test_more_memory_asked_than_there_is(hello):
    """As on Xen: it gets what there is, and a line says so."""
    done = boot(hello, "--memory", "4G", "--host-memory", "128M")
    assert done.status == 0, done.err
    assert [line for line in done.out.splitlines() if "dom0_mem: only" in line]


def test_machine_too_small(hello):
    """16 MiB: QEMU may have no room for the modules either; nothing but a clear end will do."""
    done = boot(hello, "--host-memory", "16M", "--memory", "8M")
    assert done.status in (0, 6), (done.status, done.err)
    if done.status == 6:
        assert "memory" in refused(done).lower()


def test_guest_smaller_than_its_image(hello):
    said = refused(boot(hello, "--memory", "1M"))
    assert "memory" in said.lower()


def test_ramdisk_larger_than_the_guest(tmp_path, hello):
    ramdisk = file_of(tmp_path, bytes(24 << 20), "ramdisk")
    said = refused(boot(hello, "--module", ramdisk, "--memory", "16M"))
    assert "memory" in said.lower()


def test_the_built_hypervisor_is_small():
    """Under 160 KiB in memory; symbols and debug sections do not count."""
    image = Image(BUILD / "pinion.elf")
    header = EHDR.unpack_from(image.bytes)
    loads = [
        PHDR.unpack_from(image.bytes, header[PHOFF] + i * PHDR.size) for i in range(header[PHNUM])
    ]
    assert sum(s[P_FILESZ] for s in loads if s[P_TYPE] == 1) < 160 << 10
