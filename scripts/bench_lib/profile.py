# SPDX-License-Identifier: MIT
"""Which functions, and which instructions, one operation of a row is made of.

A plugin in QEMU (tests/host/profile/insn_count.c) counts each instruction that runs between the
benchmark's marks, whose addresses the kernel's section .bench_marks lists; for the row `boot`, from the
hypervisor's entry to the kernel's.
"""
import bisect
import re
import struct
import subprocess
import tempfile
from pathlib import Path

from pinion_lib.config import ToolError

from . import runs
from .rows import ROWS

HV_IMAGE_PA = 0x200000  # where the hypervisor runs until its map is loaded
HV_IMAGE_VA = 0xFFFF82D000000000
LINE = re.compile(r"^\s*([0-9a-f]+):\t")


def tool(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def marks(kernel):
    """[(address, is a start)] of the kernel's clock reads."""
    with tempfile.TemporaryDirectory() as work:
        section = Path(work) / "marks"
        tool("objcopy", "-O", "binary", "--only-section=.bench_marks",
             "--set-section-flags", ".bench_marks=alloc", str(kernel), str(section))
        return [(at, bool(start)) for at, start in struct.iter_unpack("<QQ", section.read_bytes())]


class Symbols:
    """Names of functions by address."""

    def __init__(self, image, where):
        lines = [line.split() for line in tool("nm", "-n", image).decode().splitlines()]
        found = {int(at, 16): name for at, kind, name in
                 (line for line in lines if len(line) == 3) if kind in "tTW"}
        self.addresses = sorted(found)
        self.names = [found[at] for at in self.addresses]
        self.image, self.where = image, where

    def __call__(self, address):
        at = bisect.bisect_right(self.addresses, address) - 1
        return self.names[at] if at >= 0 else hex(address)

    def listing(self, function, counts):
        """The function's disassembly, each instruction with its count."""
        text = tool("objdump", "-d", "--no-show-raw-insn", f"--disassemble={function}",
                    str(self.image)).decode()
        for line in text.splitlines():
            match = LINE.match(line)
            if match and int(match[1], 16) in counts:
                yield f"{counts[int(match[1], 16)]:9.2f} {line}"
            elif match:
                yield f"{'':9} {line}"


def entry_of(image):
    return struct.unpack_from("<Q", image.read_bytes(), 24)[0]


def marks_of(row, kernel, hypervisor):
    if row == "boot":
        return [(entry_of(hypervisor) - HV_IMAGE_VA + HV_IMAGE_PA, True), (entry_of(kernel), False)]
    return marks(kernel)


def counts_of(build, row, on):
    """({address: times}, operations) of one run of the row."""
    plugin = build.need(build.dir / "insn_count.so")
    kernel = build.need(build.dir / "bench.elf")
    if row == "boot" and on != "pinion":
        raise ToolError("the row boot has a profile on Pinion alone")
    with tempfile.TemporaryDirectory(dir=build.dir) as work:
        out = Path(work) / "counts"
        words = [str(plugin), f"out={out}"]
        for at, start in marks_of(row, kernel, build.hypervisor):
            words.append(f"{'start' if start else 'stop'}={at:x}")
        options = ["spec-ctrl=no"] if on == "xen" else []
        run = runs.boot(build, on, options, f"rows={row}", qemu=["-plugin", ",".join(words)])
        if row not in run.rows:
            raise ToolError(f"no row {row}")
        counted = {at: n for at, n in struct.iter_unpack("<QQ", out.read_bytes()) if n}
    if row == "boot":
        low = range(HV_IMAGE_PA, HV_IMAGE_PA + 0x200000)
        moved = {at: at - HV_IMAGE_PA + HV_IMAGE_VA for at in counted if at in low}
        for at, va in moved.items():
            counted[va] = counted.get(va, 0) + counted.pop(at)
    return counted, run.rows[row][1]


def sums_of(counts, hypervisor, kernel):
    """{(whose, function): instructions}; hypervisor and kernel are Symbols, None where there are none."""
    sums = {}
    for at, n in counts.items():
        if HV_IMAGE_VA <= at < 0xFFFF830000000000:
            key = ("hypervisor", hypervisor(at) if hypervisor else "(all of it)")
        elif at < 1 << 47:
            key = ("user", "")
        else:
            key = ("guest", kernel(at) if kernel else "(all of it)")
        sums[key] = sums.get(key, 0) + n
    return sums


def tell(title, counted, ops, function, hypervisor, kernel):
    """Prints the profile, or the one function's instructions with their counts."""
    counts = {at: n / ops for at, n in counted.items()}
    if function:
        symbols = [s for s in (hypervisor, kernel) if s and function in s.names]
        if not symbols:
            raise ToolError(f"no function {function}")
        print("\n".join(symbols[0].listing(function, counts)))
        return
    print(f"{title}: instructions for each of {ops} operations")
    sums = sums_of(counts, hypervisor, kernel)
    for (where, name), n in sorted(sums.items(), key=lambda item: -item[1]):
        print(f"{n:12.1f}  {where:10} {name}")
    for where in ("hypervisor", "guest", "user"):
        part = sum(n for key, n in sums.items() if key[0] == where)
        if part:
            print(f"{part:12.1f}  {where:10} in all")


def show(build, row, function, on):
    if row not in ROWS:
        raise ToolError(f"no row {row}; rows are {', '.join(ROWS)}")
    counted, ops = counts_of(build, row, on)
    kernel = Symbols(build.dir / "bench.elf", "guest")
    hypervisor = Symbols(build.hypervisor, "hypervisor") if on == "pinion" else None
    tell(f"{row} on {on}", counted, ops, function, hypervisor, kernel)
