# SPDX-License-Identifier: MIT
"""Compares a run on Pinion with the kept figures, and asks whether costs stay flat."""
from . import suite
from .rows import ROWS

ALLOWED = 0.05  # a row may cost this much more than what is kept
FLAT = 0.02  # an operation may cost this much more when there is more of something
QUICK = {"tables": 512, "roots": 512, "spaces": 256}


def compare(kept, measured):
    """(passed, failures, notes): each row of the kept file against a run's."""
    failures, notes, passed = [], [], 0
    for row in sorted(set(kept) | set(measured)):
        if row not in measured:
            failures.append(f"{row}: is kept, but was not measured")
            continue
        if row not in kept:
            failures.append(f"{row}: was measured, but is not kept: make bench-keep")
            continue
        was, now = kept[row], measured[row]
        change = f"{now:.1f} instructions, kept are {was:.1f}: {abs(now / was - 1):.1%}"
        if now > was * (1 + ALLOWED):
            failures.append(f"{row}: {change} more; {ALLOWED:.0%} is allowed")
            continue
        if now < was * (1 - ALLOWED):
            notes.append(f"{row}: {change} less. Keep it: make bench-keep")
        passed += 1
    return passed, failures, notes


def flat(kind, points):
    """(passed, failures): what the largest number of something costs against the smallest."""
    numbers = sorted(points, key=int)
    first, last = points[numbers[0]], points[numbers[-1]]
    failures = []
    for row, value in last.items():
        if value > first[row] * (1 + FLAT):
            failures.append(
                f"growth: {row} costs {value:.1f} with {numbers[-1]} of {kind}, "
                f"{first[row]:.1f} with {numbers[0]}; {FLAT:.0%} is allowed"
            )
    return len(last) - len(failures), failures


def run(build, record, say):
    """Measures and compares; the last line has the counts. True when nothing failed."""
    say("instructions on pinion")
    passed, failures, notes = compare(record["counts"]["pinion"], suite.counted(build, "pinion"))
    for kind, limit in QUICK.items():
        say(f"growth of {kind} to {limit}")
        good, bad = flat(kind, suite.grown(build, kind, limit, "64M", "512M"))
        passed, failures = passed + good, failures + bad
    say("growth of the guest's memory")
    memory = {str(size): suite.guest_memory(build, size) for size in (32, 256)}
    good, bad = flat("MiB", memory)
    passed, failures = passed + good, failures + bad
    for line in notes:
        print(f"bench: {line}")
    for line in failures:
        print(f"bench: {line}")
    slow = [row for row, (_, most) in ROWS.items()
            if most and record["counts"]["pinion"][row] > most]
    if slow:
        print(f"bench: kept figures above their target: {', '.join(slow)}")
    print(f"bench: {passed} passed, {len(failures)} failed")
    return not failures
