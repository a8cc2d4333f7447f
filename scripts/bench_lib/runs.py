# SPDX-License-Identifier: MIT
"""Boots the benchmark kernel and reads its rows."""
import re
from dataclasses import dataclass

from pinion_lib import machine, runner, xen
from pinion_lib.config import SUCCESS, ToolError

COUNTED = ["-icount", "shift=0,sleep=off"]
ROW = re.compile(r"^bench (\S+) ticks=(\d+) ops=(\d+)\s*$")
LIMIT = 400  # seconds for one boot


@dataclass
class Run:
    """The rows of one boot, {name: (ticks, operations)}, and all its serial lines.

    Of a row that ran several times it is the one that took the fewest ticks; `every` has them all.
    """

    every: dict
    lines: list

    @property
    def rows(self):
        return {name: min(runs) for name, runs in self.every.items()}


def rows_of(lines):
    found = {}
    for match in filter(None, map(ROW.match, lines)):
        found.setdefault(match[1], []).append((int(match[2]), int(match[3])))
    return found


def boot(build, on="pinion", options=(), cmdline="", counted=True, qemu=(), **machine_options):
    """One run of the kernel, counted in instructions or timed."""
    hypervisor = xen.fetch(build) if on == "xen" else build.hypervisor
    run = machine.Boot(
        hypervisor=build.need(hypervisor),
        kernel=build.need(build.dir / "bench.elf"),
        cmdline=cmdline,
        on=on,
        hv_options=list(options),
        qemu_args=(COUNTED if counted else []) + list(qemu),
        **machine_options,
    )
    return finished(run, build)


def firmware(build, counted=True, **machine_options):
    """What the clock says before any hypervisor runs."""
    run = machine.Boot(
        hypervisor=build.need(build.dir / "bench-firmware.elf"),
        kernel=build.need(build.dir / "bench.elf"),
        qemu_args=COUNTED if counted else [],
        **machine_options,
    )
    return finished(run, build).rows["firmware"][0]


def finished(run, build):
    outcome = runner.run(run, build, LIMIT)
    if outcome.status != SUCCESS:
        last = "\n".join(outcome.lines[-12:])
        raise ToolError(f"the run on {run.on} failed: {outcome.reason}\n{last}")
    return Run(rows_of(outcome.lines), outcome.lines)
