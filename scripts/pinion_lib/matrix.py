# SPDX-License-Identifier: MIT
"""Every scenario on every platform, and Pinion's answers against Xen's.

One boot a platform carries all scenarios but those that end their domain, which
get one each. If a boot ends before all have reported, the first silent one is
charged with it and the rest run in a further boot.
"""
import re
from concurrent.futures import ThreadPoolExecutor

from . import machine, runner, xen
from .config import CRASH, SKIP as SKIPPED, STATUS_NAMES, SUCCESS, TIMEOUT, ToolError
from .report import is_bad
from .scenarios import BROKEN, FAIL, PASS, SKIP, Result, freedoms, points

XEN = "xen-initial"
AUDIT = "direct-audit"
# name: (hypervisor, firmware, unprivileged domain)
PLATFORMS = {
    "direct-initial": ("pinion", "direct", False),
    "direct-domu": ("pinion", "direct", True),
    "bios-initial": ("pinion", "bios", False),
    "bios-domu": ("pinion", "bios", True),
    "uefi-initial": ("pinion", "uefi", False),
    "uefi-domu": ("pinion", "uefi", True),
    AUDIT: ("pinion", "direct", False),
    XEN: ("xen", "direct", False),
}
# Where all references are recounted before the guest runs on, whatever it was that it did: slow, and
# slower with more memory.
HV_OPTIONS = {AUDIT: ["audit=each"]}
# Scenarios named vcpu-… start the others; on one CPU, as everywhere here.
VCPUS = "dom0_max_vcpus=5"
HOST_MEMORY = {AUDIT: "96M"}
SLOW_SECONDS = {AUDIT: 240}
DEATH = re.compile(r"Domain \d+ \(vcpu#\d+\) crashed")
PANIC = re.compile(r"Panic on CPU \d+")
# Firmware in an emulator is slow: seconds before the hypervisor's first line.
EXTRA_SECONDS = {"direct": 0, "bios": 10, "uefi": 60}
# Bytes of the guest's command line that names may take; the ABI has room for 1024.
NAMES_BYTES = 960


def one_boot(names):
    """As many of `names`, from the first on, as a command line holds."""
    count = len(names)
    while len(",".join(names[:count])) > NAMES_BYTES:
        count -= 1
    return names[:count]


class Platform:
    """One platform's runs. `results` fills as boots report."""

    def __init__(self, name, build, options):
        self.name = name
        self.build = build
        self.options = options
        self.results = {}
        self.seconds = 0.0
        self.boots = 0

    def hypervisor_words(self, on):
        """Options of this platform's, then those that were asked for."""
        words = [VCPUS, *HV_OPTIONS.get(self.name, [])]
        return words + (self.options.hv_option if on == "pinion" else [])

    def boot(self, names):
        on, firmware, domu = PLATFORMS[self.name]
        hypervisor = xen.fetch(self.build) if on == "xen" else self.build.hypervisor
        setup = machine.Boot(
            hypervisor=self.build.need(hypervisor),
            kernel=self.build.need(self.build.guest),
            cmdline="scenarios=" + ",".join(names),
            modules=[self.build.need(self.build.initrd)],
            on=on,
            firmware=firmware,
            domu=domu,
            memory=self.options.memory,
            host_memory=HOST_MEMORY.get(self.name, self.options.host_memory),
            cpu=self.options.cpu,
            hv_options=self.hypervisor_words(on),
        )
        self.boots += 1
        logs = self.build.dir / "test"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"scenarios-{self.name}{'' if self.boots == 1 else f'-{self.boots}'}.log"
        limit = self.options.timeout + EXTRA_SECONDS[firmware] + SLOW_SECONDS.get(self.name, 0)
        outcome = runner.run(setup, self.build, limit, log=log)
        self.seconds += outcome.seconds
        return outcome

    def run_alone(self, scenario):
        """A scenario that is right when its domain dies as its file says, and nothing else does."""
        name = scenario.name
        outcome = self.boot([name])
        said = points(outcome.lines).get(name)
        died = next(filter(DEATH.search, outcome.lines), None)
        panic = next(filter(PANIC.search, outcome.lines), None)
        explained = any(scenario.dies in line for line in outcome.lines)
        if not scenario.dies:
            result = Result(BROKEN, "its file does not say `Dies: <phrase>`")
        elif panic:
            result = Result(FAIL, f"the hypervisor fell: {panic}")
        elif said:
            result = said if said.outcome != PASS else Result(FAIL, "its domain lives")
        elif died and not explained:
            result = Result(FAIL, f"died without: {scenario.dies}")
        elif died and outcome.status == CRASH and any(x.startswith("1..1") for x in outcome.lines):
            result = Result(PASS, died)
        else:
            result = Result(BROKEN, f"{STATUS_NAMES[outcome.status]}: {outcome.reason}")
        self.results[name] = result

    def run(self, chosen):
        """Runs every scenario of `chosen`, in as many boots as it takes."""
        self.run_together([scenario.name for scenario in chosen if not scenario.alone])
        for scenario in chosen:
            if scenario.alone:
                self.run_alone(scenario)
        return self

    def run_together(self, names):
        """Runs `names` in as few boots as the command line's length and crashes allow."""
        left = list(names)
        while left:
            now = one_boot(left)
            outcome = self.boot(now)
            found = {n: r for n, r in points(outcome.lines).items() if n in now}
            self.results.update(found)
            silent = [name for name in now if name not in found]
            ended = outcome.status in (CRASH, TIMEOUT)
            why = f"{STATUS_NAMES[outcome.status]}: {outcome.reason}"
            unexplained = outcome.status not in (SUCCESS, SKIPPED) and not any(
                map(is_bad, found.values())
            )
            if not silent and (ended or unexplained):
                # All reported and yet the run went wrong: the last one is charged.
                self.results[now[-1]] = Result(BROKEN, f"after its report: {why}")
            elif silent:
                self.results[silent[0]] = Result(FAIL if ended else BROKEN, why)
            left = silent[1:] + left[len(now) :]
            if left and not found and not ended:
                for name in left:  # the boot itself is broken: no use in repeating it
                    self.results[name] = Result(BROKEN, why)
                left = []


def differences(names, results):
    """Fails a Pinion result that is not Xen's, unless the ABI leaves it free."""
    allowed = freedoms()
    noted = []
    for (name, platform), result in list(results.items()):
        theirs = results.get((name, XEN))
        if platform == XEN or theirs is None or name not in names:
            continue
        if theirs.reason.startswith("Xen is not here") or theirs.outcome == result.outcome:
            continue
        text = f"{name}: {result.outcome} on {platform}, {theirs.outcome} on Xen"
        if name in allowed:
            noted.append(f"{text} (allowed: {allowed[name]})")
            if is_bad(theirs):
                results[name, XEN] = Result(SKIP, f"differs, allowed: {allowed[name]}")
        elif not is_bad(result):
            results[name, platform] = Result(FAIL, f"differs from Xen: {text}")
            noted.append(text)
    return noted


def run(chosen, platforms, build, options, progress):
    """({(name, platform): Result}, {platform: seconds}, notes)"""
    names = [scenario.name for scenario in chosen]
    results, seconds = {}, {}
    wanted = list(platforms)
    if XEN in wanted:
        try:
            xen.fetch(build, progress)
        except ToolError as error:
            progress(f"pinion: {error}")
            wanted.remove(XEN)

    def one(platform):
        done = Platform(platform, build, options).run(chosen)
        bad = sum(map(is_bad, done.results.values()))
        good = sum(r.outcome == PASS for r in done.results.values())
        progress(f"{platform}: {good} passed, {bad} failed in {done.seconds:.1f} s")
        return done

    with ThreadPoolExecutor(max_workers=max(1, options.jobs)) as pool:
        done = {platform.name: platform for platform in pool.map(one, wanted)}
    for platform in platforms:
        for scenario in chosen:
            missing = Result(SKIP, "Xen is not here: no network, or no package lists")
            found = done[platform].results[scenario.name] if platform in done else missing
            results[scenario.name, platform] = found
        seconds[platform] = done[platform].seconds if platform in done else 0.0
    return results, seconds, differences(names, results)
