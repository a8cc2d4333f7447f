# SPDX-License-Identifier: MIT
"""The conformance kernel on one hypervisor: sequences asked for, hashes or lines answered.

A boot runs many sequences. When it ends early, the sequence behind the last one that was answered is
what ended it: that is its answer, and the next boot begins behind it.
"""
import queue
import re
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path

from . import machine, xen
from .runner import CRASHED, HALTED

SIDES = ("pinion", "xen")
# What makes Xen the referee of what Pinion means to be, and fast; see docs/abi.md.
XEN_OPTIONS = ["spec-ctrl=no", "pv-linear-pt=no"]
# Grants as Pinion offers them: what is left out answers as on a Xen that has it switched off.
XEN_GRANTS = "gnttab=max-ver:1,transitive=0,transfer=0"
SEQUENCE = re.compile(r"^seq (\d+) ([0-9a-f]{16})( stuck)?\s*$")
PANIC = re.compile(r"guest panic: .*|.*Panic on CPU.*|\(XEN\) Assertion.*")
COMMAND_LINE = 800  # bytes for a list; the kernel's own limit is 1024
SILENCE = 20.0  # seconds without a line: it hangs


class Side:
    """One hypervisor. stop() ends what runs, from any thread."""

    def __init__(self, name, build, hv_options=()):
        self.name = name
        self.build = build
        self.hv_options = ["guest_loglvl=none", *(XEN_OPTIONS if name == "xen" else []), *hv_options]
        self.stopped = False
        self.qemu = None

    def stop(self):
        self.stopped = True
        if self.qemu and self.qemu.poll() is None:
            self.qemu.kill()

    def lines(self, cmdline):
        """The serial lines of one boot; ends with the boot, or after a silence with None."""
        hypervisor = xen.fetch(self.build) if self.name == "xen" else self.build.hypervisor
        boot = machine.Boot(
            hypervisor=self.build.need(hypervisor),
            kernel=self.build.need(self.build.dir / "conform.elf"),
            cmdline=cmdline,
            on=self.name,
            host_memory="256M",
            hv_options=self.hv_options,
        )
        work = Path(tempfile.mkdtemp(prefix="conform-", dir=self.build.dir))
        try:
            with subprocess.Popen(
                machine.command(boot, work),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                errors="replace",
                start_new_session=True,
            ) as self.qemu:
                try:
                    yield from self.follow()
                finally:
                    self.qemu.kill()
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def follow(self):
        """Xen stays up after its last words."""
        arrived = queue.Queue()

        def pump(source):
            for line in source:
                arrived.put(line)
            arrived.put("")

        threading.Thread(target=pump, args=(self.qemu.stdout,), daemon=True).start()
        while not self.stopped:
            try:
                line = arrived.get(timeout=SILENCE)
            except queue.Empty:
                yield None
                return
            if not line:
                return
            yield line.rstrip("\r\n")
            if self.name == "xen" and (HALTED.search(line) or CRASHED.search(line)):
                return

    def range(self, seed, start, count, answer):
        """Calls answer(number, hash) for each sequence in order."""
        end = start + count
        while start < end and not self.stopped:
            asked = f"seed={seed} from={start} count={min(end - start, 20000)}"
            start = self.one_boot(asked, range(start, end), lambda at, text: answer(at, text))

    def one_boot(self, cmdline, numbers, answer):
        """Boots once; result: the first number that has no answer yet."""
        at = 0
        panic = "it ended"
        complete = False
        for line in self.lines(cmdline):
            if line is None:
                panic = "it hangs"
                break
            found = SEQUENCE.match(line)
            if found:
                answer(numbers[at], found[2] + (found[3] or ""))
                at += 1
                complete = bool(found[3])
            elif PANIC.match(line):
                panic = line
            elif line.startswith("Test result: "):
                complete = True
        if not complete and not self.stopped and at < len(numbers):
            answer(numbers[at], f"crash: {panic}")
            at += 1
        return numbers.start + at

    def picks(self, seed, wanted):
        """[answer] for [(number, mask)]: hashes."""
        return self.lists(f"seed={seed} pick=", [f"{n}:{mask:x}" for n, mask in wanted])

    def spelt(self, wanted):
        """[answer] for [[word, ...]]: hashes."""
        return self.lists("ops=", [".".join(words) for words in wanted])

    def lists(self, start, items):
        answers = {}
        at = 0
        while at < len(items) and not self.stopped:
            last = at
            while last < len(items) and sum(map(len, items[at : last + 1])) + last < COMMAND_LINE + at:
                last += 1
            last = max(last, at + 1)
            at = self.one_boot(start + ",".join(items[at:last]), range(at, last), answers.__setitem__)
        return [answers.get(i, "none") for i in range(len(items))]

    def verbose(self, cmdline):
        """[[line, ...]] for each sequence asked for: operations and answers as text."""
        found = [[]]
        for line in self.lines(f"{cmdline} verbose"):
            if line is None:
                found[-1].append("answer: it hangs")
                break
            if line.startswith(("op ", "answer ")):
                found[-1].append(line)
            elif PANIC.match(line):
                found[-1].append(f"answer: {line}")
            elif SEQUENCE.match(line):
                found.append([])
        return found if found[-1] else found[:-1]
