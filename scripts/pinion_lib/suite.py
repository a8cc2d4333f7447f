# SPDX-License-Identifier: MIT
"""The conformance suite: conform.elf's record on Pinion beside the one on real Xen.

A record is one line `ask QUESTION ANSWER` for each question. What may differ is named, with the
reason, in tests/conform/differences.txt.
"""
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from . import machine, runner, xen
from .config import FAILURE, ROOT, SKIP, STATUS_NAMES, SUCCESS, ToolError
from .sides import XEN_GRANTS

# What the questions count on, and nothing but the answers on the line.
HV_OPTIONS = ("guest_loglvl=none", "dom0_max_vcpus=3")
DIFFERENCES = ROOT / "tests/conform/differences.txt"
FIELDS = ("question", "pinion", "xen", "why")
SIDES = ("pinion", "xen")
SHOWN = 60


@dataclass
class Difference:
    """One allowed difference: a pattern over question and answers, and the reason."""

    question: str
    pattern: re.Pattern
    why: str
    used: int = 0

    def covers(self, question, pinion, theirs):
        return bool(self.pattern.fullmatch("\n".join((question, pinion, theirs))))


def differences(text):
    """The entries of differences.txt: paragraphs of `question:`, `pinion:`, `xen:`, `why:`."""
    found = []
    lines = "\n".join(line for line in text.split("\n") if not line.startswith("#"))
    for paragraph in filter(None, (p.strip() for p in re.split(r"\n\s*\n", lines))):
        fields = dict(re.findall(r"^(\w+): *((?:.+)(?:\n +.+)*)$", paragraph, re.M))
        if sorted(fields) != sorted(FIELDS):
            raise ValueError(f"{DIFFERENCES.name}: an entry needs {', '.join(FIELDS)}: {paragraph}")
        # A pattern that goes on in the next line has no blank there.
        values = {
            name: re.sub(r"\n +", " " if name == "why" else "", value)
            for name, value in fields.items()
        }
        try:
            pattern = re.compile("\n".join(f"(?:{values[name]})" for name in FIELDS[:3]))
        except re.error as error:
            raise ValueError(f"{DIFFERENCES.name}: {error}: {paragraph}") from error
        found.append(Difference(values["question"], pattern, values["why"]))
    return found


def record(lines):
    """({question: answer}, questions that came twice)"""
    answers, twice = {}, []
    for line in lines:
        if line.startswith("ask "):
            question, _, answer = line[4:].strip().partition(" ")
            if question in answers:
                twice.append(question)
            answers[question] = answer
    return answers, twice


def boot(side, build, names, options):
    """One side's outcome; its serial lines are kept in build/test/."""
    hypervisor = xen.fetch(build) if side == "xen" else build.hypervisor
    setup = machine.Boot(
        hypervisor=build.need(hypervisor),
        kernel=build.need(build.dir / "conform.elf"),
        cmdline=f"suite={names}" if names else "suite",
        on=side,
        cpu=options.cpu,
        hv_options=[
            *HV_OPTIONS,
            *([XEN_GRANTS] if side == "xen" else []),
        ],
    )
    logs = build.dir / "test"
    logs.mkdir(parents=True, exist_ok=True)
    outcome = runner.run(
        setup, build, options.timeout, log=logs / f"conform-suite-{side}.log"
    )
    print(
        f"{side}: {sum(x.startswith('ask ') for x in outcome.lines)} answers, "
        f"{STATUS_NAMES[outcome.status]}: {outcome.reason} ({outcome.seconds:.1f} s)",
        flush=True,
    )
    return outcome


def compare(ours, theirs, allowed):
    """(agreeing, allowed, [(question, Pinion's answer, Xen's)] that nothing explains)"""
    same = explained = 0
    wrong = []
    for question in {**theirs, **ours}:
        pair = [side.get(question, "(no answer)") for side in (ours, theirs)]
        if pair[0] == pair[1]:
            same += 1
            continue
        entry = next((x for x in allowed if x.covers(question, *pair)), None)
        if entry:
            entry.used += 1
            explained += 1
        else:
            wrong.append((question, *pair))
    return same, explained, wrong


def check_names(names):
    """ValueError for a name that begins no part of the suite."""
    source = (ROOT / "tests/conform/main.c").read_text(encoding="utf-8")
    parts = re.findall(r'{ "(\w+)", ask_\w+ }', source)
    for name in names.split(",") if names else ():
        if not name or not any(part.startswith(name) for part in parts):
            raise ValueError(f"no part of the suite begins with '{name}': {', '.join(parts)}")


def run(options, build):
    """The whole suite on both; 0 when they agree but for what is allowed."""
    check_names(options.names)
    allowed = differences(DIFFERENCES.read_text(encoding="utf-8"))
    try:
        xen.fetch(build, lambda text: print(text, file=sys.stderr, flush=True))
    except ToolError as error:
        print(f"conform: {error}", file=sys.stderr)
        print("0 passed, 0 failed, 1 skipped: there is no Xen to compare with", flush=True)
        return SKIP
    start = time.monotonic()
    with ThreadPoolExecutor(max_workers=len(SIDES)) as pool:
        outcomes = list(pool.map(lambda side: boot(side, build, options.names, options), SIDES))
    records = [record(outcome.lines) for outcome in outcomes]
    same, explained, wrong = compare(records[0][0], records[1][0], allowed)
    for question, pinion, theirs in wrong[: options.show]:
        print(f"{question}\n    Pinion {pinion}\n    Xen    {theirs}")
    if len(wrong) > options.show:
        print(f"... and {len(wrong) - options.show} more")
    failed = len(wrong)
    for side, outcome, (_, twice) in zip(SIDES, outcomes, records):
        if outcome.status != SUCCESS:
            print(f"{side}: the run ended with {STATUS_NAMES[outcome.status]}")
            failed += 1
        for question in twice:
            print(f"{side}: asked twice: {question}")
            failed += 1
    for entry in allowed if not options.names else ():
        if not entry.used:
            print(f"{DIFFERENCES.name}: nothing differs any more: {entry.question}")
            failed += 1
    print(
        f"{same} answers agree, {explained} differ as {DIFFERENCES.name} says, {len(wrong)} differ "
        f"({time.monotonic() - start:.1f} s; records: {build.dir / 'test'}/conform-suite-*.log)"
    )
    print(f"{same + explained} passed, {failed} failed", flush=True)
    return FAILURE if failed or not same else SUCCESS


def add_command(commands):
    parser = commands.add_parser(
        "suite",
        help="every question of tests/conform/ask_*.c, on both",
        description=__doc__,
    )
    parser.add_argument(
        "names", nargs="?", default="", metavar="NAME,NAME", help="only parts that begin so"
    )
    parser.add_argument(
        "--timeout", type=float, default=60.0, metavar="S", help="for each boot (%(default)s)"
    )
    parser.add_argument(
        "--show", type=int, default=SHOWN, metavar="N", help="differences shown (%(default)s)"
    )
    parser.add_argument("--cpu", default="qemu64", help="QEMU's CPU model (%(default)s)")
    parser.set_defaults(act=run)
