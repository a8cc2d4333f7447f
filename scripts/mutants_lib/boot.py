# SPDX-License-Identifier: MIT
"""Kills by a boot: the conformance suite, whose record must be the one that the hypervisor without a
fault leaves, then the scenarios. For what the host build does not compile, or does not notice.
"""
import os
import re
import subprocess
import sys
import threading
import time

from pinion_lib.suite import HV_OPTIONS

from .fault import ROOT, FaultError, source
from .host import make_tree

PLATFORM = "direct-initial"
LIMIT = "240"
CPU_SECONDS = 40
POINT = re.compile(r"^not ok\b[ \d-]*(?:[\w-]+/)?([a-z][\w-]+)", re.M)
# Scenarios that look at a clock: a machine that is busy may fail them once.
TIMED = ("emulate-pit", "time", "threads")
LINKED = ("guest.elf", "initrd.cpio", "conform.elf", "hello.elf", "cache")


class Boot:
    """The hypervisor built in a tree of its own, and booted."""

    def __init__(self, build, work):
        self.build, self.work = build, work
        self.record = None
        self.trees = {}
        self.lock, self.checking, self.checked = threading.Lock(), threading.Lock(), False

    def tree(self, job):
        with self.lock:
            if job not in self.trees:
                folder = self.work / f"job{job}"
                tree = make_tree(folder / "boot")
                out = tree / "build"
                out.mkdir(exist_ok=True)
                for name in LINKED:
                    if (self.build / name).exists() and not (out / name).exists():
                        (out / name).symlink_to(self.build / name)
                self.trees[job] = tree
            return self.trees[job]

    def make(self, tree):
        done = subprocess.run(
            ["make", "-s", "--no-print-directory", "BUILD=build", "WARN=-w", "hv"],
            cwd=tree, capture_output=True, text=True, check=False,
        )
        return done.returncode == 0, done.stderr

    def pinion(self, tree, *words):
        """(exit status, output) of the tool on the tree's hypervisor, QEMU's CPU time limited."""
        words = [sys.executable, ROOT / "scripts/pinion", "--build", tree / "build", *words]
        done = subprocess.run(
            ["sh", "-c", f"ulimit -t {CPU_SECONDS}; exec \"$@\"", "sh", *words],
            cwd=ROOT, capture_output=True, text=True, errors="replace", check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}, stdin=subprocess.DEVNULL,
        )
        return done.returncode, done.stdout

    def conformance(self, tree):
        """The record of the suite: its `ask` lines."""
        status, output = self.pinion(
            tree, "run", tree / "build/conform.elf", "--cmdline", "suite",
            *(word for option in HV_OPTIONS for word in ("--hv-option", option)), "--timeout", LIMIT,
        )
        return status, [line for line in output.splitlines() if line.startswith("ask ")]

    def check(self):
        """Once: without a fault all passes, and the record is kept."""
        with self.checking:
            if not self.checked:
                self.check_now(self.tree(0))
            self.checked = True

    def check_now(self, tree):
        ok, text = self.make(tree)
        if not ok:
            raise FaultError(f"the hypervisor does not build in {tree}:\n{text}")
        by = self.judge(tree)
        if by:
            raise FaultError(f"fails without any fault: {by}")
        if (tree / "build/conform.elf").exists():
            records = [self.conformance(tree) for _ in range(2)]
            if records[0] != records[1] or records[0][0]:
                raise FaultError("the conformance suite leaves another record each time")
            self.record = records[0][1]

    def judge(self, tree):
        """What noticed; empty when nothing did."""
        return self.compared(tree) or self.scenarios(tree) or self.deaths(tree)

    def scenarios(self, tree):
        """All of them in one boot, and the audit at its end. Those that look at a clock have three tries."""
        for _ in range(3):
            status, output = self.pinion(
                tree, "run", tree / "build/guest.elf", "--module", tree / "build/initrd.cpio",
                "--cmdline", "scenarios=all", "--hv-option", "audit=exit", "--timeout", LIMIT,
            )
            if not status:
                return ""
            bad = POINT.findall(output)
            if status != 124 and not (bad and set(bad) <= set(TIMED)):
                break
        return f"scenario {bad[0]}" if bad else f"scenarios: status {status}"

    def deaths(self, tree):
        """Those that end a domain, each in a boot of its own."""
        status, output = self.pinion(
            tree, "test", "-j1", "--tap", "-k", "death", "--timeout", LIMIT, "--platform", PLATFORM
        )
        bad = POINT.findall(output)
        if not status:
            return ""
        return f"scenario {bad[0]}" if bad else f"scenarios: status {status}"

    def compared(self, tree):
        """The conformance suite: another record than without a fault."""
        if self.record is None:
            return ""
        status, record = self.conformance(tree)
        if record == self.record and not status:
            return ""
        known = set(self.record)
        new = [line for line in record if line not in known]
        return f"conformance {new[0].split()[1] if new else f'status {status}'}"

    def attempt(self, fault, job):
        """(verdict, by, seconds) as host.Host.attempt()."""
        tree = self.tree(job)
        text = source(fault.file)
        self.check()
        start = time.monotonic()
        try:
            (tree / fault.file).write_text(fault.apply(text), encoding="utf-8")
            ok, _ = self.make(tree)
            if not ok:
                return "no-compile", "", time.monotonic() - start
            by = self.judge(tree)
        finally:
            (tree / fault.file).write_text(text, encoding="utf-8")
        return ("killed" if by else "survived"), by, time.monotonic() - start
