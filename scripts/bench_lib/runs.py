# SPDX-License-Identifier: MIT
"""Boots the benchmark kernel and reads its rows."""
import re

from pinion_lib import machine, runner, xen
from pinion_lib.config import SUCCESS, ToolError

COUNTED = ["-icount", "shift=0,sleep=off"]
ROW = re.compile(r"^bench (\S+) ticks=(\d+) ops=(\d+)\s*$")


def rows_of(lines):
    """{row: (ticks, operations)} of a run's serial lines."""
    found = {}
    for match in filter(None, map(ROW.match, lines)):
        found[match[1]] = (int(match[2]), int(match[3]))
    return found


def boot(build, on="pinion", options=(), cmdline="", counted=True, qemu=(), **machine_options):
    """The rows of one run, counted in instructions or timed."""
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
    outcome = runner.run(run, build, 300)
    if outcome.status != SUCCESS:
        last = "\n".join(outcome.lines[-12:])
        raise ToolError(f"the run on {on} failed: {outcome.reason}\n{last}")
    return rows_of(outcome.lines)
