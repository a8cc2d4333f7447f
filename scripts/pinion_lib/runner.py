# SPDX-License-Identifier: MIT
"""One boot: starts QEMU, passes its serial line on, and says how the run ended.

Pinion leaves QEMU with the reason in the exit code. Xen does not, so its last
words are looked for in the log, and QEMU is ended after them.
"""
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import termios
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from . import ends, machine
from .config import CRASH, ERROR, SUCCESS, TIMEOUT
from .ends import PLAN, RESULT, RESULT_STATUS

HALTED = re.compile(
    r"Hardware Dom0 (?:halted|shutdown)|Entering ACPI S5 state|Domain \d+ (?:\([^)]*\) )?shut down"
)
CRASHED = re.compile(
    r"Domain \d+ \(vcpu#\d+\) crashed|Hardware Dom0 crashed"
    r"|Domain \d+ (?:\([^)]*\) )?shut down: (?:crash|watchdog)"
    r"|watchdog rebooting machine|Panic on CPU \d+"
)
IMAGE_REFUSED = re.compile(r'^\(XEN\) .*Guest kernel "[^"]*": (.*)')
NO_STORE = re.compile(r"^\(XEN\) No store domain: (d\d+) (will wait|gets no)")
SENT_TO_NOBODY = "refused event_channel_op send[0]: rule evtchn-cannot-be-sent"
# Terminal control that GRUB and UEFI firmware send down the serial line.
CONTROL = re.compile(r"\x1b\[[0-9;?=]*[A-Za-z]|\x1b[()][A-Z0-9]|\r")
UNFINISHED = re.compile(r"\x1b(\[[0-9;?=]*|[()])?$")
HV_STOPPED = (CRASH, "the hypervisor stopped")
# Exit codes of QEMU that Pinion chooses: 2N + 1 for reason N.
REASONS = {
    0x21: (SUCCESS, "powered off"),
    0x23: (SUCCESS, "asked for a reboot"),
    0x27: (CRASH, "the guest crashed"),
    0x29: (CRASH, "the watchdog fired"),
    0x3F: HV_STOPPED,
}
QUIET_AFTER_END = 0.4
LONGEST_AFTER_END = 3.0


@dataclass
class Outcome:
    """How a run ended: exit status, one line of why, the serial lines, and each domain's end."""

    status: int
    reason: str
    lines: list = field(default_factory=list)
    seconds: float = 0.0
    ends: list = field(default_factory=list)


class Serial:
    """The serial line: passed on as it comes, kept line by line."""

    def __init__(self, echo, log):
        self.echo = echo
        self.held = ""
        self.log = log
        self.partial = ""
        self.lines = []
        self.ended = False

    def feed(self, data):
        text = data.decode("utf-8", "replace")
        if self.echo:
            self.show(text)
        whole, newline, self.partial = (self.partial + text).rpartition("\n")
        if newline:
            for line in whole.split("\n"):
                self.take(line)

    def show(self, text):
        """Passes text on without terminal control: firmware would clear the screen."""
        text = CONTROL.sub("", self.held + text)
        escape = UNFINISHED.search(text)
        self.held = escape[0] if escape else ""
        sys.stdout.write(text[: len(text) - len(self.held)])
        sys.stdout.flush()

    def take(self, line):
        line = CONTROL.sub("", line)
        self.lines.append(line)
        if self.log:
            self.log.write(line + "\n")
            self.log.flush()
        if HALTED.search(line) or CRASHED.search(line):
            self.ended = True

    def close(self):
        if self.partial:
            self.take(self.partial)
            self.partial = ""


def run(boot, build, timeout, echo=False, log=None, say=None, silence=None, typed=False):
    """Boots once and waits for the end. `timeout` is in seconds, None for never; so is `silence`,
    the longest that the serial line may say nothing. `typed`: what comes in on standard input goes to
    the serial line even if it is no terminal."""
    build.dir.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="run-", dir=build.dir))
    try:
        line = machine.command(boot, work)
        with open(log, "w", encoding="utf-8") if log else open(os.devnull, "w") as file:
            serial = Serial(echo, file)
            if say:
                say(line)
            return supervise(line, serial, boot, timeout, work, silence, typed)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def supervise(line, serial, boot, timeout, work, silence=None, typed=False):
    """Runs QEMU to its end and judges. The terminal is given back as it was."""
    interactive = serial.echo and sys.stdin is not None and sys.stdin.isatty()
    terminal = termios.tcgetattr(sys.stdin) if interactive else None
    complaints = work / "qemu.stderr"
    start = time.monotonic()
    with complaints.open("wb") as stderr:
        qemu = subprocess.Popen(
            line,
            stdin=None if interactive or typed else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
        )
        try:
            timed_out = follow(qemu, serial, boot, start, timeout, silence)
        finally:
            if qemu.poll() is None:
                qemu.kill()
            qemu.wait()
            if terminal:
                termios.tcsetattr(sys.stdin, termios.TCSADRAIN, terminal)
    serial.close()
    said = complaints.read_text(errors="replace").strip()
    outcome = judge(
        qemu.returncode, serial, timed_out, silence or timeout, said, boot.domains
    )
    outcome.seconds = time.monotonic() - start
    return outcome


def pump(source, chunks):
    """Takes what QEMU writes at once: a full pipe would hold up the machine's serial port."""
    while data := os.read(source, 65536):
        chunks.put(data)
    chunks.put(b"")


def follow(qemu, serial, boot, start, timeout, silence=None):
    """Reads until QEMU ends, or until what Xen says last; True on timeout."""
    end_seen = last_byte = None
    chunks = queue.Queue()
    threading.Thread(target=pump, args=(qemu.stdout.fileno(), chunks), daemon=True).start()
    while True:
        now = time.monotonic()
        if timeout is not None and now - start > timeout:
            return True
        if silence is not None and now - (last_byte or start) > silence:
            return True
        if end_seen is not None:
            if now - last_byte > QUIET_AFTER_END or now - end_seen > LONGEST_AFTER_END:
                return False
        try:
            data = chunks.get(timeout=0.1)
        except queue.Empty:
            continue
        if not data:
            qemu.wait()
            return False
        last_byte = time.monotonic()
        serial.feed(data)
        # Xen stays up after its last words; Pinion that hangs after them must
        # show as a timeout, not as a clean end.
        if serial.ended and end_seen is None and boot.on == "xen":
            end_seen = last_byte


def judge(code, serial, timed_out, timeout, said, domains=()):
    """The outcome, from QEMU's exit code and what was on the serial line. With several domains it is
    that of the worst, if it was a domain by whose end the run ended."""
    outcome = judge_machine(code, serial, timed_out, timeout, said)
    if domains:
        outcome.ends = ends.of_domains(domains, serial.lines)
        panicked = any("Panic on CPU" in line for line in serial.lines)
        if not timed_out and not panicked and REASONS.get(code, HV_STOPPED) != HV_STOPPED:
            outcome.status = ends.worst(outcome.ends)
            outcome.reason = "the machine ended; its domains as above"
    return outcome


def store_missed(lines):
    """Of a run without an end: the domain that waits for xenstore, as far as the log shows it."""
    for match in filter(None, map(NO_STORE.search, lines)):
        if match[2] == "will wait":
            return f"; {match[1]} may wait for xenstore, and there is no store: --store"
        # What it sends is its first request, to nobody.
        if any(line.startswith(f"(XEN) {match[1]}v") and SENT_TO_NOBODY in line for line in lines):
            return f"; {match[1]} asks for xenstore, and there is no store: --store"
    return ""


def judge_machine(code, serial, timed_out, timeout, said):
    """As judge(), from what is true of a machine with one domain."""
    lines = serial.lines
    crash = next((i for i, line in enumerate(lines) if CRASHED.search(line)), None)
    if crash is not None:  # a panic's reason is on its second line
        panic = lines[crash + 1 : crash + 2] if "Panic on CPU" in lines[crash] else []
        crash = " ".join([lines[crash], *(line.removeprefix("(XEN) ") for line in panic)])
        if crash.endswith("cannot be started"):
            crash += next((f": {m[1]}" for m in map(IMAGE_REFUSED.search, lines) if m), "")
    verdict = next((m[1] for m in map(RESULT.match, reversed(lines)) if m), None)
    if timed_out:
        last = next((line for line in reversed(lines) if line.strip()), "nothing")
        reason = f"no end within {timeout:g} s; last line: {last}{store_missed(lines)}"
        return Outcome(TIMEOUT, reason, lines)
    if code == 1 or (code not in REASONS and code > 0):
        return Outcome(ERROR, f"QEMU failed with {code}: {said or 'no message'}", lines)
    status, reason = REASONS.get(code, (SUCCESS, "ended"))
    if status == CRASH or crash:
        return Outcome(CRASH, crash or reason, lines)
    if code not in REASONS and not serial.ended:
        return Outcome(CRASH, f"the machine stopped without a last word (QEMU: {code})", lines)
    if verdict:
        return Outcome(RESULT_STATUS[verdict], f"{reason}; Test result: {verdict}", lines)
    if any(map(PLAN.match, lines)):
        return Outcome(ERROR, f"{reason} after a test plan, without a test result", lines)
    return Outcome(SUCCESS, f"{reason}; no test result printed", lines)
