# SPDX-License-Identifier: MIT
"""Debian's GRUB for PV domains: its prompt, its commands, and kernels that it starts from its disk."""

import re
import sys
import tarfile

import pytest
from terminal import BUILD, ROOT, Terminal

sys.path.insert(0, str(ROOT / "scripts"))
from pinion_lib import grub as grub_image  # noqa: E402
from pinion_lib.config import ToolError  # noqa: E402

IMAGE = BUILD / "grub/grub-x86_64-xen.bin"
PROMPT = r"grub> "


def grub(*more, memory="128M", limit=90):
    spec = ",".join([f"kernel={IMAGE},name=grub,memory={memory}", *more])
    return Terminal("--domain", spec, "--store", "--hv-option=audit=exit", limit=limit)


def archive(path, **files):
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for name, source in files.items():
            tar.add(source, name.replace("_", "."))
    return path


def typed(guest, command):
    """Types at the prompt; what GRUB echoes is waited for."""
    guest.wait(PROMPT)
    guest.type(f"{command}\r")
    guest.wait(re.escape(command))


def ended(guest):
    """The domain powered off by itself, and nothing of it is left."""
    assert guest.status() == 0, guest.shown[-2000:]
    assert re.search(r"^pinion: domain grub: poweroff", guest.shown, re.M)
    assert "did not come back" not in guest.shown
    audits = re.findall(r"^\(XEN\) audit: .*$", guest.shown, re.M)
    assert audits and all(line.endswith(": ok") for line in audits), audits


def test_quick_prompt_and_commands():
    with grub() as guest:
        guest.wait("Welcome to GRUB!")
        typed(guest, "ls")
        guest.wait(r"\(memdisk\) \(proc\)")
        typed(guest, "echo a b  c")
        guest.wait(r"^grub\| a b c$")
        typed(guest, "lsmod")
        guest.wait(r"^grub\| normal\s+\d+")
        typed(guest, "ls (memdisk)/")
        guest.wait(r"^grub\| grub.cfg")
        typed(guest, "no-such-command")
        guest.wait("can't find command `no-such-command'")
        typed(guest, "halt")
        ended(guest)


def test_quick_ramdisk_with_a_kernel(tmp_path):
    """A ramdisk as its module is its (memdisk): a kernel is started from there."""
    disk = archive(tmp_path / "disk.tar", hello_elf=BUILD / "hello.elf")
    with grub(f"module={disk}") as guest:
        typed(guest, "ls (memdisk)/")
        guest.wait(r"^grub\| hello.elf")
        typed(guest, "linux (memdisk)/hello.elf")
        typed(guest, "boot")
        guest.wait(r"^grub\| Hello from xen-3.0-x86_64: 32768 pages")
        ended(guest)


def test_quick_kernel_with_a_ramdisk_of_its_own(tmp_path):
    """What GRUB hands on: a command line, a ramdisk, the rings; by its own configuration file."""
    config = tmp_path / "grub.cfg"
    config.write_text(
        "linux (memdisk)/guest.elf scenarios=zero-fill,user-faults\n"
        "initrd (memdisk)/initrd.cpio\nboot\n"
    )
    disk = archive(
        tmp_path / "disk.tar",
        grub_cfg=config,
        guest_elf=BUILD / "guest.elf",
        initrd_cpio=BUILD / "initrd.cpio",
    )
    with grub(f"module={disk}") as guest:
        guest.wait(r"^grub\| Test result: SUCCESS")
        ended(guest)


def test_odd_kernels_started_by_grub(tmp_path):
    """GRUB lays out a domain by itself: kernels at 1 MiB and high ones, with and without notes."""
    forms = ("section", "zero", "string", "bare")
    files = {f"{form}_elf": BUILD / f"odd-{form}.elf" for form in forms}
    disk = archive(tmp_path / "disk.tar", **files)
    for form in forms:
        with grub(f"module={disk}") as guest:
            typed(guest, f"linux (memdisk)/{form}.elf one")
            typed(guest, "boot")
            guest.wait(r"^grub\| command line 'one'")
            guest.wait(r"^grub\| frames without their number in the M2P: 0$")
            guest.wait(r"^grub\| Test result: SUCCESS")
            ended(guest)


def test_linux_started_by_grub(tmp_path):
    """As a distribution is started in a domain: GRUB unpacks Linux and hands on its ramdisk."""
    disk = archive(
        tmp_path / "disk.tar",
        vmlinuz=BUILD / "linux/vmlinuz",
        ramdisk_cpio=BUILD / "linux/ramdisk.cpio",
    )
    with grub(f"module={disk}", memory="512M", limit=200) as guest:
        typed(guest, "linux (memdisk)/vmlinuz console=hvc0")
        typed(guest, "initrd (memdisk)/ramdisk.cpio")
        typed(guest, "boot")
        guest.wait(r"^grub\| init: up after ")
        guest.wait(r"/ # ")
        guest.type("poweroff -f\n")
        ended(guest)


def test_quick_memdisk_is_replaced():
    data = IMAGE.read_bytes()
    disk = b"x" * 1000
    image = grub_image.with_memdisk(data, disk)
    (place, fields), (_, old) = grub_image.modules_of(image), grub_image.modules_of(data)
    assert fields[3:5] == old[3:5] and fields[5] == fields[6]
    assert (fields[2] - fields[3]) % fields[7] == 0
    found = grub_image.objects(image[fields[2] : fields[2] + fields[5]])
    before = grub_image.objects(data[old[2] : old[2] + old[5]])
    assert [part for part in found if part[0] != 1] == [part for part in before if part[0] != 1]
    assert [part[1] for part in found if part[0] == 1] == [disk + bytes(24)]
    assert image[: place] == data[:40] + bytes(8) + data[48:60] + bytes(4) + data[64:place]


def test_quick_other_images_keep_their_modules(tmp_path):
    for name, data in [("empty", b""), ("elf", b"\x7fELF\x02\x01" + bytes(80)), ("text", b"x" * 99)]:
        (tmp_path / name).write_bytes(data)
        assert grub_image.given_memdisk(tmp_path / name, [IMAGE], None) == (tmp_path / name, [IMAGE])
    with pytest.raises(ToolError):
        grub_image.with_memdisk(b"x" * 99, b"")


def test_quick_keyboard_goes_round():
    """CTRL-a three times: the next domain, at the end Pinion's own keys, then the first again."""
    specs = []
    for name in ("one", "two"):
        specs += ["--domain", f"kernel={IMAGE},name={name},memory=64M"]
    with Terminal(*specs, "--store", limit=90) as guest:
        guest.wait(r"one\| grub> ")
        guest.seen = 0
        guest.wait(r"two\| grub> ")
        guest.type("echo to one\r")
        guest.wait(r"^one\| to one$")
        guest.type("\x01\x01\x01")
        guest.wait(r"Serial input to DOM\d+ \(two\)")
        guest.type("echo to two\r")
        guest.wait(r"^two\| to two$")
        guest.type("halt\r")
        guest.wait(r"Domain \d+ \(two\) shut down: poweroff")
        while "(one)" not in guest.wait(r"Serial input to (.*) \(type")[1]:
            guest.type("\x01\x01\x01")
        guest.type("halt\r")
        assert guest.status() == 0, guest.shown[-2000:]
    assert not re.search(r"^one\| .*two", guest.shown, re.M)
