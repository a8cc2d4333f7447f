# SPDX-License-Identifier: MIT
"""What the commands of scripts/pinion do."""
import shlex
import sys
import tempfile
from pathlib import Path

from . import bzimage, domains, grub, iso, machine, matrix, options as command_line, report, runner
from . import scenarios, xen
from .config import ERROR, FAILURE, STATUS_NAMES, SUCCESS, USAGE, Build, ToolError, UsageError


def domains_of(options, build):
    """[Domain] that --domain and --domains ask for; a KERNEL beside them is the first."""
    found = []
    defaults = {"memory": options.memory, "store": build.dir / "store.elf"}
    for path in options.domains:
        more, settings = domains.from_file(path, defaults)
        found += more
        options.host_memory = options.host_memory or settings.get("memory")
        options.cpu = options.cpu or settings.get("cpu")
        options.hv_option[:0] = settings.get("options", "").split()
    found += [domains.from_spec(text, defaults) for text in options.domain]
    if options.store or (options.store is None and domains.want_store(found)):
        found.append(domains.from_keys("--store", {"role": "store", "name": "store"}, defaults))
    if found and options.kernel:
        keys = {"kernel": str(options.kernel), "cmdline": options.cmdline, "memory": options.memory}
        keys["role"] = "domu" if options.domu else "initial"
        first = domains.from_keys("KERNEL", keys, {})
        first.modules = options.module
        found.insert(0, first)
    elif found and (options.module or options.cmdline or options.domu) and options.act is do_run:
        raise UsageError("--module, --cmdline and --domu belong to a KERNEL, and there is none")
    domains.name_apart(found)
    domains.check(found)
    return found


def bootable(kernel, modules, build):
    """The kernel unpacked; GRUB with its ramdisk in it."""
    return grub.given_memdisk(bzimage.elf_of(kernel, build), modules, build)


def boot_of(options, build):
    several = domains_of(options, build)
    if not several and not options.kernel:
        raise UsageError("nothing to run: a KERNEL, --domain or --domains (--help)")
    if options.on == "xen" and (several or options.domu or options.firmware != "direct"):
        raise UsageError("--on xen boots directly, one kernel, as the initial domain")
    if options.hypervisor:
        hypervisor = options.hypervisor
    else:
        hypervisor = xen.fetch(build, tell) if options.on == "xen" else build.hypervisor
    for path in [options.kernel, *options.module]:
        if path and not path.is_file():
            raise UsageError(f"{path}: no such file")
    kernel, modules = options.kernel, options.module
    if kernel:
        kernel, modules = bootable(kernel, modules, build)
    for domain in several:
        domain.kernel, domain.modules = bootable(domain.kernel, domain.modules, build)
    return machine.Boot(
        hypervisor=build.need(hypervisor),
        kernel=kernel,
        cmdline=options.cmdline,
        modules=modules,
        on=options.on,
        firmware=options.firmware,
        domu=options.domu,
        memory=options.memory,
        domains=several,
        host_memory=options.host_memory or domains.machine_memory(several),
        cpu=options.cpu or machine.CPU,
        hv_options=options.hv_option,
        trace=options.trace,
        gdb=options.gdb,
        qemu_args=options.qemu_arg,
    )


def tell(text):
    print(text, file=sys.stderr, flush=True)


def do_run(options, build):
    boot = boot_of(options, build)
    if boot.gdb:
        kernel = boot.module_lines()[0][0]
        symbols = f"-ex 'add-symbol-file {kernel}' " if options.on == "pinion" else ""
        tell(f"pinion: waiting for gdb on port {machine.GDB_PORT}. In another terminal:")
        tell(f"  gdb {boot.hypervisor} {symbols}-ex 'target remote :{machine.GDB_PORT}'")
    outcome = runner.run(
        boot,
        build,
        None if boot.gdb else options.timeout,
        echo=True,
        log=options.log,
        say=(lambda line: tell(shlex.join(line))) if options.verbose else None,
        typed=options.input,
    )
    if options.summary:
        summary(outcome)
    for end in outcome.ends:
        tell(f"pinion: domain {end}")
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


def do_unpack(options, _build):
    if not options.kernel.is_file():
        raise UsageError(f"{options.kernel}: no such file")
    image, how = bzimage.unpack(options.kernel, options.kernel.read_bytes())
    options.out.write_bytes(image)
    tell(f"pinion: {options.out}: {len(image)} bytes (was packed with {how})")
    return SUCCESS


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
        raise UsageError(
            f"no scenario matches {options.pattern}" if options.pattern else "no scenarios"
        )
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
    several = domains_of(options, build)
    for domain in several:
        domain.kernel, domain.modules = bootable(domain.kernel, domain.modules, build)
    boot = machine.Boot(
        hypervisor=build.need(build.hypervisor),
        kernel=build.need(build.guest),
        cmdline=options.cmdline,
        modules=[build.need(build.initrd)],
        memory=options.memory,
        domains=several,
        hv_options=options.hv_option,
    )
    with tempfile.TemporaryDirectory(dir=build.dir) as work:
        tree = Path(work) / "iso"
        iso.make(
            options.out,
            tree,
            boot.hypervisor,
            boot.hypervisor_options(),
            boot.module_lines(),
        )
    return SUCCESS


def main(arguments=None):
    options = command_line.parser(do_run, do_list, do_test, do_iso, do_unpack).parse_args(arguments)
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
