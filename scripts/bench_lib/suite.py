# SPDX-License-Identifier: MIT
"""All that is measured: counts, times, sizes, growth. Each part fills in its key of one record."""
import re
import statistics
import struct

from pinion_lib import xen
from pinion_lib.config import ToolError

from . import runs
from .rows import ASIDE, SETTINGS

GROWN = {"tables": 131072, "roots": 131072, "spaces": 32768}
GROWN_MEMORY = ("1G", "1300M")  # the guest's and the machine's
GUEST_MEMORY = [32, 64, 128, 256, 512, 1024]
HOST_MEMORY = [256, 512, 1024, 2048]
REPEATS = 5  # of each row in one timed run
GROWTH_ROWS = (
    "null-hypercall",
    "update-va-pair-invlpg",
    "mmu-update-512-pair",
    "demand-fault",
    "demand-fault-new-l1",
    "pin-unpin-l4",
    "baseptr-pair",
    "process-64-pages",
)
FREE = re.compile(r"^\(XEN\) Free memory: (\d+)kB")


def per_operation(rows):
    return {
        name: round(ticks / ops, 2) for name, (ticks, ops) in rows.items() if name not in ASIDE
    }


def counted(build, setting, cmdline="", **options):
    """{row: instructions for one operation} of one run."""
    on, words = SETTINGS[setting]
    found = per_operation(runs.boot(build, on, words, cmdline, **options).rows)
    if "boot" in found:
        found["boot"] -= runs.firmware(build)
    return found


def chosen(rows):
    """The kernel's command line for some rows, or for all of them."""
    return f"rows={','.join(rows)} " if rows else ""


def measure_counts(build, record, say, rows=(), settings=tuple(SETTINGS)):
    for setting in settings:
        say(f"instructions on {setting}")
        record.setdefault("counts", {})[setting] = counted(build, setting, chosen(rows))


def timed(build, setting, rows):
    """({row: ticks for one operation, each time that it ran}, TSC ticks in a millisecond)"""
    on, words = SETTINGS[setting]
    run = runs.boot(build, on, words, f"{chosen(rows)}times={REPEATS}", counted=False)
    found = {row: [ticks / ops for ticks, ops in all_] for row, all_ in run.every.items()}
    if "boot" in found:
        found["boot"] = found["boot"][:1]
    if "timer-tick" in found:
        found["timer-tick"] = found["timer-tick-best"]
    return {row: v for row, v in found.items() if row not in ASIDE}, run.rows["tsc-khz"][0]


def measure_times(build, record, say, rounds, rows=()):
    """The best of several runs for each row, in nanoseconds, and how far the runs are apart."""
    clocks, before, every = [], [], {setting: {} for setting in SETTINGS}
    for number in range(rounds):
        before.append(runs.firmware(build, counted=False))
        for setting, found in every.items():
            say(f"time on {setting}, {number + 1} of {rounds}")
            ticks, khz = timed(build, setting, rows)
            clocks.append(khz)
            for row, values in ticks.items():
                found.setdefault(row, []).extend(values)
    khz = statistics.median(clocks)
    record["times"], record["noise"], record["rounds"] = {}, {}, rounds * REPEATS
    for setting, found in every.items():
        slower = [statistics.median(values) / min(values) - 1 for values in found.values()]
        best = {row: min(values) for row, values in found.items()}
        if "boot" in best:
            best["boot"] -= min(before)
        record["noise"][setting] = round(statistics.median(slower), 3)
        record["times"][setting] = {row: round(v * 1e6 / khz, 1) for row, v in best.items()}


def loaded_bytes(image):
    """What a loader copies of an ELF image."""
    data = image.read_bytes()
    wide = data[4] == 2
    at, size, count = (
        (struct.unpack_from("<Q", data, 32)[0], *struct.unpack_from("<HH", data, 54))
        if wide
        else (struct.unpack_from("<I", data, 28)[0], *struct.unpack_from("<HH", data, 42))
    )
    total = 0
    for n in range(count):
        words = struct.unpack_from("<IIQQQQ" if wide else "<IIIII", data, at + n * size)
        if words[0] == 1:
            total += words[5] if wide else words[4]
    return total


def measure_sizes(build, record, say):
    """Bytes: the image; for each frame of RAM; for a domain; and what is left whatever the RAM."""
    images = {"pinion": build.hypervisor, "xen": xen.fetch(build)}
    record["sizes"] = {"image": {on: loaded_bytes(image) for on, image in images.items()}}
    for on in images:
        kept = {}
        for host in (512, 1024):
            say(f"memory on {on}, {host} MiB")
            run = runs.boot(build, on, cmdline="rows=memory", host_memory=f"{host}M",
                            memory=f"64M,max:{host}M")
            ram, given, other = (
                run.rows[f"memory-{name}"][0] for name in ("ram", "domain", "new-domain")
            )
            kept[ram] = (ram - given) * 4096
        domain = other * 4096
        for free in filter(None, map(FREE.match, run.lines)):
            domain = int(free[1]) * 1024 - given * 4096
        (small, low), (large, high) = sorted(kept.items())
        each = (high - low) / (large - small)
        for name, value in (
            ("frame", round(each, 1)),
            ("domain", domain),
            ("fixed", round(low - each * small - domain)),
        ):
            record["sizes"].setdefault(name, {})[on] = value


def measure_growth(build, record, say):
    growth = record.setdefault("growth", {})
    for kind, limit in GROWN.items():
        say(f"growth of {kind} to {limit}")
        growth[kind] = grown(build, kind, limit, *GROWN_MEMORY)
    growth["memory"] = {}
    for size in GUEST_MEMORY:
        say(f"growth of the guest's memory: {size} MiB")
        growth["memory"][str(size)] = guest_memory(build, size)
    growth["boot"] = {"pinion": {}, "xen": {}}
    for on, found in growth["boot"].items():
        for size in HOST_MEMORY:
            say(f"boot on {on}, {size} MiB")
            found[str(size)] = counted(build, on, "rows=boot", host_memory=f"{size}M")["boot"]


def grown(build, kind, limit, memory, host):
    """{number: {row: instructions}} while the number doubles up to the limit."""
    run = runs.boot(build, cmdline=f"growth={kind} limit={limit}", memory=memory, host_memory=host)
    found = {}
    for name, value in per_operation(run.rows).items():
        _, number, row = name.split("/")
        found.setdefault(number, {})[row] = value
    if str(limit) not in found:
        raise ToolError(f"growth of {kind} ended before {limit}")
    return found


def guest_memory(build, size):
    rows = ",".join(GROWTH_ROWS)
    return counted(build, "pinion", f"rows={rows}", memory=f"{size}M",
                   host_memory=f"{max(512, size + 256)}M")
