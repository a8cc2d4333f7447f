# SPDX-License-Identifier: MIT
"""Options and subcommands of scripts/pinion."""
import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path

from . import iso, machine, matrix, report, runner, scenarios, xen
from .config import ERROR, FAILURE, STATUS_NAMES, SUCCESS, USAGE, Build, ToolError

STATUSES = """\
exit status:
  0    success: the kernel printed `Test result: SUCCESS`, or none and powered off
  2    the command line is wrong
  3    skip
  4    error: the test broke, or something this tool needs is missing
  5    failure: the subject broke
  6    crash of the guest or of the hypervisor
  124  timeout
"""

RUN_TEXT = """\
Boots KERNEL, a 64-bit PV kernel, under Pinion (or Debian's Xen 4.17) in QEMU and
shows the serial line as it comes. On a terminal, what is typed goes to the serial
line; Ctrl-C ends the run.

examples:
  pinion run build/guest.elf --module build/initrd.cpio --cmdline scenarios=all
  pinion run build/guest.elf --module build/initrd.cpio --on xen
  pinion run my-kernel.elf --domu --firmware uefi --log run.log
  pinion run my-kernel.elf --gdb
"""

TEST_TEXT = """\
Runs every scenario of the guest on every platform, one boot a platform, and
prints a table, scenario by platform. A result on Pinion that differs from the one
on Xen is a failure unless tests/scenarios/freedoms.txt gives the reason. The last
line is `N passed, N failed, N skipped`; exit status 0 or 5. The serial log of each
boot is kept in build/test/.
"""


def add_machine(parser):
    """Options of the machine that `run` and `test` share."""
    parser.add_argument("--memory", default="64M", metavar="SIZE", help="guest's memory (%(default)s)")
    parser.add_argument("--host-memory", default="512M", metavar="SIZE", help="machine's memory (%(default)s)")
    parser.add_argument("--cpu", default="qemu64", help="QEMU's CPU model (%(default)s)")
    parser.add_argument("--timeout", type=seconds, default=60.0, metavar="S", help="seconds for one boot (60)")


def seconds(text):
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be above 0")
    return value


def parser():
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="pinion", description="Runs and tests kernels under Pinion.", epilog=STATUSES, formatter_class=raw
    )
    top.add_argument("--build", metavar="DIR", help="output directory of make (build, or $PINION_BUILD)")
    sub = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    run = sub.add_parser(
        "run", help="boot a kernel and report how it ended", description=RUN_TEXT, epilog=STATUSES, formatter_class=raw
    )
    run.add_argument("kernel", type=Path, metavar="KERNEL", help="ELF image of a 64-bit PV kernel")
    run.add_argument("--cmdline", default="", metavar="S", help="the kernel's command line")
    run.add_argument(
        "--module", type=Path, action="append", default=[], metavar="FILE", help="ramdisk for the kernel (repeatable)"
    )
    kind = run.add_mutually_exclusive_group()
    kind.add_argument("--initial-domain", action="store_true", help="as the initial domain (default)")
    kind.add_argument("--domu", action="store_true", help="as an unprivileged domain with a console ring")
    run.add_argument("--on", choices=("pinion", "xen"), default="pinion", help="the hypervisor (%(default)s)")
    run.add_argument(
        "--firmware",
        choices=("direct", "bios", "uefi"),
        default="direct",
        help="direct: QEMU loads the hypervisor; bios, uefi: GRUB does (%(default)s)",
    )
    add_machine(run)
    run.add_argument("--log", metavar="FILE", help="also write the serial lines to FILE")
    run.add_argument("--gdb", action="store_true", help="wait for gdb; without a timeout")
    run.add_argument("--trace", action="store_true", help="log each step of page faults and table updates")
    run.add_argument(
        "--hv-option", action="append", default=[], metavar="WORD", help="a hypervisor option (repeatable)"
    )
    run.add_argument(
        "--qemu-arg", action="append", default=[], metavar="ARG", help="a further QEMU argument (repeatable; --qemu-arg=-ARG)"
    )
    run.add_argument("--hypervisor", type=Path, metavar="FILE", help="image to boot instead of build/pinion.elf")
    run.add_argument("--summary", action="store_true", help="end with a table of the scenarios that reported")
    run.add_argument("--verbose", action="store_true", help="print QEMU's command line first")
    run.set_defaults(act=do_run)

    listing = sub.add_parser(
        "list",
        help="list scenarios and platforms",
        description="Lists the scenarios, each with what it is about, and the platforms `pinion test` runs them on.",
    )
    listing.set_defaults(act=do_list)

    test = sub.add_parser("test", help="run all scenarios on all platforms", description=TEST_TEXT, formatter_class=raw)
    test.add_argument("-k", dest="pattern", metavar="PATTERN", help="only scenarios with this text or shell pattern")
    test.add_argument("-j", dest="jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="boots at a time")
    test.add_argument(
        "--platform",
        action="append",
        choices=list(matrix.PLATFORMS),
        metavar="NAME",
        help="only this platform (repeatable): " + ", ".join(matrix.PLATFORMS),
    )
    add_machine(test)
    test.add_argument("--tap", action="store_true", help="print TAP instead of the table")
    test.add_argument("--junit", metavar="FILE", help="also write JUnit XML to FILE")
    test.set_defaults(act=do_test)

    image = sub.add_parser(
        "iso",
        help="write a GRUB image that boots the built pair",
        description="Writes a GRUB image (BIOS and UEFI) that boots the built hypervisor, guest and ramdisk.",
    )
    image.add_argument("out", type=Path, metavar="FILE")
    image.add_argument("--cmdline", default="scenarios=all", metavar="S", help="the guest's command line")
    image.add_argument("--memory", default="64M", metavar="SIZE", help="guest's memory (%(default)s)")
    image.set_defaults(act=do_iso)
    return top


def boot_of(options, build):
    if options.on == "xen" and (options.domu or options.firmware != "direct"):
        raise UsageError("--on xen boots directly, as the initial domain")
    if options.hypervisor:
        hypervisor = options.hypervisor
    else:
        hypervisor = xen.fetch(build, tell) if options.on == "xen" else build.hypervisor
    for path in [options.kernel, *options.module]:
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    return machine.Boot(
        hypervisor=build.need(hypervisor),
        kernel=options.kernel,
        cmdline=options.cmdline,
        modules=options.module,
        on=options.on,
        firmware=options.firmware,
        domu=options.domu,
        memory=options.memory,
        host_memory=options.host_memory,
        cpu=options.cpu,
        hv_options=options.hv_option,
        trace=options.trace,
        gdb=options.gdb,
        qemu_args=options.qemu_arg,
    )


class UsageError(Exception):
    """The command line cannot be carried out as it stands."""


def tell(text):
    print(text, file=sys.stderr, flush=True)


def do_run(options, build):
    boot = boot_of(options, build)
    if boot.gdb:
        symbols = f"-ex 'add-symbol-file {options.kernel}' " if options.on == "pinion" else ""
        tell(f"pinion: waiting for gdb on port {machine.GDB_PORT}. In another terminal:")
        tell(f"  gdb {boot.hypervisor} {symbols}-ex 'target remote :{machine.GDB_PORT}'")
    outcome = runner.run(
        boot,
        build,
        None if boot.gdb else options.timeout,
        echo=True,
        log=options.log,
        say=(lambda line: tell(shlex.join(line))) if options.verbose else None,
    )
    if options.summary:
        summary(outcome)
    tell(f"pinion: {STATUS_NAMES[outcome.status]}: {outcome.reason} ({outcome.seconds:.1f} s)")
    return outcome.status


def summary(outcome):
    """What the scenarios of one run reported."""
    found = scenarios.points(outcome.lines)
    width = max(map(len, found), default=0)
    print("\nSummary of scenarios:")
    for name, result in found.items():
        print(f"  {name.ljust(width)}  {result.outcome:5}  {result.reason}".rstrip())
    passed, failed, skipped = report.counts(found)
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)


def do_list(_options, _build):
    known = scenarios.sources()
    width = max(map(len, known), default=0)
    print("scenarios:")
    for name, scenario in known.items():
        alone = " (ends its domain)" if scenario.alone else ""
        print(f"  {name.ljust(width)}  {scenario.summary}{alone}".rstrip())
    print("platforms:")
    for name in matrix.PLATFORMS:
        print(f"  {name}")
    return SUCCESS


def do_test(options, build):
    known = scenarios.sources()
    names = scenarios.select(known, options.pattern)
    if not names:
        raise UsageError(f"no scenario matches {options.pattern}" if options.pattern else "no scenarios")
    platforms = options.platform or list(matrix.PLATFORMS)
    chosen = [known[name] for name in names]
    results, times, notes = matrix.run(chosen, platforms, build, options, tell)
    lines = report.tap(results) if options.tap else report.table(platforms, names, results)
    print("\n".join(lines))
    start = "# " if options.tap else ""
    if not options.tap:
        for (name, platform), result in results.items():
            if report.is_bad(result):
                print(f"{platform}/{name}: {result.outcome}: {result.reason}")
    for note in notes:
        print(f"{start}difference: {note}")
    if options.junit:
        report.junit(options.junit, results, times)
    passed, failed, skipped = report.counts(results)
    print(f"{start}{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return FAILURE if failed else SUCCESS


def do_iso(options, build):
    boot = machine.Boot(
        hypervisor=build.need(build.hypervisor), kernel=build.need(build.guest), memory=options.memory
    )
    modules = [build.need(build.initrd)]
    with tempfile.TemporaryDirectory(dir=build.dir) as work:
        tree = Path(work) / "iso"
        iso.make(
            options.out, tree, boot.hypervisor, boot.kernel, options.cmdline, modules, boot.hypervisor_options()
        )
    return SUCCESS


def main(arguments=None):
    options = parser().parse_args(arguments)
    try:
        return options.act(options, Build(options.build))
    except UsageError as error:
        tell(f"pinion: {error}")
        return USAGE
    except (ToolError, OSError) as error:
        tell(f"pinion: {error}")
        return ERROR
    except KeyboardInterrupt:
        tell("pinion: interrupted")
        return 130
