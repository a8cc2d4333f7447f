# SPDX-License-Identifier: MIT
"""The hypervisor's part of a guest's address space, read from the tables themselves.

A guest runs in a loop; QEMU is stopped, its memory saved, and the tables under CR3 walked here.
What docs/memory-map.md says about rights must hold for every page, under every address it has.
"""

import re
import struct
import subprocess
import time

import pytest
from conftest import BUILD

MEMORY = 64 << 20
PRESENT, WRITE, USER, LARGE, NO_EXECUTE = 1, 2, 4, 0x80, 1 << 63
HV_START, HV_END = 0xFFFF800000000000, 0xFFFF880000000000
M2P_START, M2P_END = 0xFFFF800000000000, 0xFFFF804000000000
STACKS_START, STACKS_END = 0xFFFF82D800000000, 0xFFFF82E000000000
DIRECT_START = 0xFFFF830000000000
IMAGE_PA = 0x200000


class Machine:
    """CR registers, symbols, and each mapped page: (address, frame address, rights)."""

    def __init__(self, cpu, options, kernel, folder):
        serial, memory = folder / "serial", folder / "memory"
        command = ["qemu-system-x86_64", "-cpu", cpu, "-m", str(MEMORY >> 20), "-no-reboot"]
        command += ["-display", "none", "-monitor", "stdio", "-serial", f"file:{serial}"]
        command += ["-kernel", BUILD / "pinion.elf", "-initrd", kernel]
        command += ["-append", f"console=com1 dom0_mem=16M {options}"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, text=True, **pipes) as qemu:
            end = time.monotonic() + 20
            while not serial.exists() or "\nhello" not in serial.read_text(errors="replace"):
                assert time.monotonic() < end, "the guest did not start"
                time.sleep(0.05)
            time.sleep(0.2)
            says = f'stop\ninfo registers\npmemsave 0 {MEMORY} "{memory}"\nquit\n'
            out, _ = qemu.communicate(says, timeout=30)
        self.registers = {n: int(v, 16) for n, v in re.findall(r"(CR\d|EFER)=([0-9a-f]+)", out)}
        self.memory = memory.read_bytes()
        self.pages = list(self.walk(self.registers["CR3"] & ~0xFFF, 4, 0, WRITE | USER, True))
        lines = subprocess.check_output(["nm", BUILD / "pinion.elf"], text=True).splitlines()
        self.symbols = {name: int(address, 16) for address, _, name in map(str.split, lines)}

    def walk(self, table, level, base, rights, execute):
        for i, entry in enumerate(struct.unpack_from("<512Q", self.memory, table)):
            if not entry & PRESENT:
                continue
            va = base + (i << (12 + 9 * (level - 1)))
            if level == 4 and i >= 256:
                va |= 0xFFFF << 48
            frame = entry & 0x000FFFFFFFFFF000
            below = rights & entry, execute and not entry & NO_EXECUTE
            if level > 1 and not entry & LARGE:
                yield from self.walk(frame, level - 1, va, *below)
                continue
            for offset in range(0, 1 << (12 + 9 * (level - 1)), 4096):
                yield va + offset, frame + offset, *below

    def own(self):
        return [page for page in self.pages if HV_START <= page[0] < HV_END]

    def image_pa(self, symbol):
        return self.symbols[symbol] - self.symbols["__image_start"] + IMAGE_PA


PLATFORMS = [("qemu64", ""), ("max", ""), ("max", "smap=1")]


@pytest.fixture(scope="module", params=PLATFORMS, ids=" ".join)
def machine(request, kernels, tmp_path_factory):
    cpu, options = request.param
    return Machine(cpu, options, kernels(SPIN=1), tmp_path_factory.mktemp("machine"))


def test_nothing_is_writable_and_executable(machine):
    frames = {}
    for va, frame, rights, execute in machine.own():
        assert not (rights & WRITE and execute), hex(va)
        write, run = frames.get(frame, (False, False))
        frames[frame] = write or bool(rights & WRITE), run or execute
    assert not [hex(frame) for frame, (write, run) in frames.items() if write and run]


def test_text_and_constants_have_no_writable_alias(machine):
    end = machine.image_pa("__rodata_end")
    constant = [page for page in machine.own() if IMAGE_PA <= page[1] < end]
    assert len(constant) == 2 * (end - IMAGE_PA) // 4096  # linked address and direct map
    assert not [hex(va) for va, _, rights, _ in constant if rights & WRITE]


def test_only_text_is_executable_and_only_where_it_is_linked(machine):
    start, end = machine.symbols["__image_start"], machine.symbols["__text_end"]
    runs = {va for va, _, _, execute in machine.own() if execute}
    assert runs == set(range(start, end, 4096))


def test_guests_see_nothing_but_the_read_only_m2p(machine):
    seen = [page for page in machine.own() if page[2] & USER]
    assert len(seen) * 4096 == MEMORY // 4096 * 8
    for va, _, rights, execute in seen:
        assert M2P_START <= va < M2P_END and not rights & WRITE and not execute


def test_slots_in_use(machine):
    assert {va >> 39 & 511 for va, *_ in machine.own()} == {256, 260, 261, 262}


def test_direct_map_is_memory_at_its_place_and_no_more(machine):
    direct = [page for page in machine.own() if page[0] >= DIRECT_START]
    assert all(va - DIRECT_START == frame < MEMORY for va, frame, *_ in direct)
    assert not [frame for _, frame, *_ in direct if 0xA0000 <= frame < 0x100000]


def test_stacks_have_a_guard_below(machine):
    stack = {va for va, *_ in machine.own() if STACKS_START <= va < STACKS_END}
    lowest = [va for va in stack if va - 4096 not in stack]
    assert len(stack) == 2 * len(lowest) and len(lowest) >= 5  # #DF NMI #MC #DB, the vCPUs
    guard = machine.symbols["__boot_guard"]
    assert guard not in {va for va, *_ in machine.own()}


def test_control_registers(machine, request):
    cpu, options = request.node.callspec.params["machine"]
    assert machine.registers["CR0"] & 1 << 16  # WP
    assert machine.registers["EFER"] & 1 << 11  # NXE
    assert bool(machine.registers["CR4"] & 1 << 20) == (cpu == "max")  # SMEP
    assert bool(machine.registers["CR4"] & 1 << 21) == (options == "smap=1")
    assert not machine.registers["CR4"] & 1 << 7  # PGE
