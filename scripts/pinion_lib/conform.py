# SPDX-License-Identifier: MIT
"""Random sequences of requests on Pinion and on real Xen 4.17, compared by the hash of all answers.

A sequence whose hashes differ is made as short as it gets, and written to build/conform/ as a test to
keep: its operations, and what Xen answers. Those in tests/conform/kept/ are run again by `kept`.
"""
import argparse
import itertools
import json
import re
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from . import xen
from .config import FAILURE, ROOT, SKIP, SUCCESS, ToolError
from .sides import SIDES, Side

KEPT = ROOT / "tests/conform/kept"
SHOW_EVERY = 5.0


def both(sides, ask):
    """[ask(side)] of all sides, at the same time."""
    with ThreadPoolExecutor(max_workers=len(sides)) as pool:
        return list(pool.map(ask, sides))


class Comparison:
    """What has been compared so far. Lines come from one thread for each side."""

    def __init__(self, seed, start, count):
        self.seed, self.start, self.count = seed, start, count
        self.waiting = {}
        self.reached = {name: start for name in SIDES}
        self.same = 0
        self.explained = 0
        self.differ = {}
        self.lock = threading.Lock()
        self.began = time.monotonic()

    def answer(self, name, number, text):
        with self.lock:
            self.reached[name] = number + 1
            other = self.waiting.pop(number, None)
            if other is None:
                self.waiting[number] = (name, text)
            elif other[1] == text and not text.startswith("crash") and "stuck" not in text:
                self.same += 1
            else:
                self.differ[number] = {other[0]: other[1], name: text}

    def compared(self):
        return self.same + self.explained + len(self.differ)

    def line(self):
        seconds = time.monotonic() - self.began
        return (
            f"seed {self.seed}: {self.compared()} of {self.count} sequences compared, "
            f"{len(self.differ)} differ, {self.explained} more for a known reason, "
            f"{self.compared() / max(seconds, 0.1):.0f}/s"
        )

    def save(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        state = {
            "version": 1,
            "seed": self.seed,
            "from": self.start,
            "compared": self.compared(),
            "seconds": round(time.monotonic() - self.began, 1),
            "known": self.explained,
            "differ": self.differ,
        }
        path.write_text(json.dumps(state, indent=1) + "\n", encoding="utf-8")


def compare(sides, comparison, path):
    """Runs the range on both sides; False when it was interrupted."""
    threads = [
        threading.Thread(
            target=side.range,
            args=(
                comparison.seed,
                comparison.start,
                comparison.count,
                lambda number, text, name=side.name: comparison.answer(name, number, text),
            ),
        )
        for side in sides
    ]
    for thread in threads:
        thread.start()
    shown = time.monotonic()
    try:
        while any(thread.is_alive() for thread in threads):
            threads[0].join(0.2)
            threads[1].join(0.2)
            if time.monotonic() - shown > SHOW_EVERY:
                shown = time.monotonic()
                print(comparison.line(), flush=True)
                comparison.save(path)
        return True
    except KeyboardInterrupt:
        return False
    finally:
        for side in sides:
            if any(thread.is_alive() for thread in threads):
                side.stop()
        for thread in threads:
            thread.join()
        comparison.save(path)


def differing(sides, seed, number, masks):
    """Those of the masks with which the two still differ."""
    answers = both(sides, lambda side: side.picks(seed, [(number, mask) for mask in masks]))
    return [mask for mask, *pair in zip(masks, *answers) if pair[0] != pair[1]]


def shrink(sides, seed, number, mask):
    """The mask of a shortest part that still differs; 0 when it does not differ alone."""
    if not differing(sides, seed, number, [mask]):
        return 0
    while True:
        bits = [bit for bit in range(mask.bit_length()) if mask >> bit & 1]
        single = differing(sides, seed, number, [mask & ~(1 << bit) for bit in bits])
        if not single:
            return mask
        # Each of these may go; find how many may go together.
        chain = [mask]
        for without in single:
            chain.append(chain[-1] & without)
        left = differing(sides, seed, number, [m for m in chain[1:] if m])
        mask = left[-1] if left else single[0]


def spelt_out(sides, seed, number, mask):
    """The lines of both sides for one sequence."""
    texts = both(sides, lambda side: side.verbose(f"seed={seed} pick={number}:{mask:x}"))
    return [text[0] if text else ["answer (none)"] for text in texts]


def words_of(lines):
    return [line.split()[2] for line in lines if line.startswith("op ")]


def answers_of(lines):
    return [line for line in lines if line.startswith("answer")]


def xen_keeps_a_table(ours, theirs):
    """
    Real Xen loses track of a half-made table when a validation fails in two nested tables, each behind
    its first entry: the inner one cannot be anything else any more. All that was asked got the same
    answers; only at the end Xen has a frame that something still refers to, and Pinion has none.
    """
    same = [line for line in ours if not line.startswith(("answer end", "answer reset"))] == [
        line for line in theirs if not line.startswith(("answer end", "answer reset"))
    ]
    failed = any(re.search(r"rc=-\d+", line) for line in theirs)
    last = theirs[-1] if theirs else ""
    return same and failed and ours[-1] == "answer reset" and last.startswith("answer reset held(")


def until_they_differ(ours, theirs):
    """The mask of the operations before the first one that is answered differently."""
    mask = 0
    answered = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs))
    indices = []
    for line, _ in answered:
        if line.startswith("op "):
            indices.append(int(line.split()[1]))
        elif not line.startswith(("answer end", "answer reset")):
            mask |= sum(1 << index for index in indices)
            indices = []
    return mask


def explain(sides, comparison):
    """Takes the differences that have a known reason off the list."""
    for number, answers in sorted(comparison.differ.items()):
        if answers["pinion"].endswith("stuck"):
            continue
        lines = spelt_out(sides, comparison.seed, number, (1 << 32) - 1)
        if not xen_keeps_a_table(*lines):  # it may show in later answers
            lines = spelt_out(sides, comparison.seed, number, until_they_differ(*lines))
        if xen_keeps_a_table(*lines):
            comparison.explained += 1
            comparison.differ.pop(number)


def shorten(sides, comparison, number, directory):
    """Shrinks one difference, prints both sides, writes the test to keep; result: its path."""
    seed = comparison.seed
    mask = shrink(sides, seed, number, (1 << 32) - 1)
    if not mask:
        print(f"sequence {number}: does not differ alone: {comparison.differ[number]}")
        return None
    ours, theirs = spelt_out(sides, seed, number, mask)
    lines = [f"# Seed {seed}, sequence {number}."]
    lines += theirs if words_of(theirs) == words_of(ours) else ["# The operations differ.", *theirs]
    path = directory / f"seed-{seed}-{number}.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"sequence {number}, shortened ({path}):")
    mine = iter(answers_of(ours))
    for line in theirs:
        if line.startswith("op "):
            print(f"  {line}")
            continue
        other = next(mine, "(no answer)")
        if other == line:
            print(f"    {line}")
        else:
            print(f"    Pinion {other}\n    Xen    {line}")
    for other in mine:
        print(f"    Pinion {other}")
    sys.stdout.flush()
    return path


def make_sides(build, options):
    extra = {"pinion": options.pinion_option, "xen": []}
    return [Side(name, build, extra[name]) for name in SIDES]


def have_xen(build):
    """True when there is a Xen to compare with; says so otherwise."""
    try:
        xen.fetch(build, lambda text: print(text, file=sys.stderr, flush=True))
    except ToolError as error:
        print(f"conform: {error}", file=sys.stderr)
        return False
    return True


def random_counts(options, build):
    """(passed, failed, finished) of COUNT sequences on both."""
    directory = build.dir / "conform"
    path = directory / f"seed-{options.seed}.json"
    comparison = Comparison(options.seed, options.start, options.count)
    finished = compare(make_sides(build, options), comparison, path)
    print(comparison.line(), flush=True)
    sides = make_sides(build, options)
    try:
        if finished and comparison.differ:
            explain(sides, comparison)
            print(comparison.line(), flush=True)
        for number in sorted(comparison.differ)[: options.shrink] if finished else ():
            shorten(sides, comparison, number, directory)
    except KeyboardInterrupt:
        finished = False
    comparison.save(path)
    if not finished:
        reached = min(comparison.reached.values())
        print(f"interrupted; what was compared is in {path}; go on with FROM={reached}")
    missing = 0 if not finished else comparison.count - comparison.compared()
    if missing:
        print(f"{missing} sequences have no answer")
    return comparison.same + comparison.explained, len(comparison.differ) + missing, finished


def run(options, build):
    """COUNT sequences on both; 0 when no answer differs."""
    if not have_xen(build):
        print("0 passed, 0 failed, 1 skipped: there is no Xen to compare with", flush=True)
        return SKIP
    passed, failed, finished = random_counts(options, build)
    print(f"{passed} passed, {failed} failed", flush=True)
    if not finished:
        return 130
    return FAILURE if failed or not passed else SUCCESS


def kept_counts(name, build):
    """(passed, failed): each kept sequence on one side, against the answers it was kept with."""
    side = Side(name, build)
    passed = failed = 0
    for file in sorted(KEPT.glob("*.txt")):
        text = file.read_text(encoding="utf-8").splitlines()
        found = side.verbose("ops=" + ".".join(words_of(text)))
        got = answers_of(found[0]) if found else []
        want = answers_of(text)
        if want and got == want:
            passed += 1
            continue
        failed += 1
        print(f"{file.name}:")
        for line, other in itertools.zip_longest(want, got, fillvalue="(no answer)"):
            if line != other:
                print(f"    kept {line}\n    now  {other}")
    return passed, failed


def run_kept(options, build):
    """All kept sequences; 0 when each has the answers it was kept with."""
    if options.on == "xen" and not have_xen(build):
        print("0 passed, 0 failed, 1 skipped: there is no Xen", flush=True)
        return SKIP
    passed, failed = kept_counts(options.on, build)
    print(f"{passed} passed, {failed} failed", flush=True)
    return FAILURE if failed or not passed else SUCCESS


def run_short(options, build):
    """The kept sequences, and some from a seed: the part of `make test`."""
    passed, failed = kept_counts("pinion", build)
    skipped = ""
    if have_xen(build):
        more, wrong, finished = random_counts(options, build)
        passed, failed = passed + more, failed + wrong + (not finished)
    else:
        skipped = ", 1 skipped: there is no Xen to compare with"
    print(f"{passed} passed, {failed} failed{skipped}", flush=True)
    return FAILURE if failed else SUCCESS


def natural(text):
    """A number of the command line, decimal or 0x..., of 64 bits."""
    try:
        value = int(text, 0)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 64:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0 to 2^64 - 1")
    return value


def counted(text):
    """At least one, and no more than anyone can wait for."""
    value = natural(text)
    if not 0 < value <= 1 << 32:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 2^32")
    return value


def add_options(parser):
    parser.add_argument(
        "--seed", type=natural, default=1, help="what they are drawn from (%(default)s)"
    )
    parser.add_argument(
        "--from", type=natural, default=0, dest="start", metavar="N", help="the first one"
    )
    parser.add_argument("--count", type=counted, default=2000, help="how many (%(default)s)")
    parser.add_argument(
        "--shrink", type=natural, default=5, metavar="N", help="differences made short (%(default)s)"
    )
    parser.add_argument(
        "--pinion-option", action="append", default=[], metavar="OPTION", help="for Pinion's own line"
    )


def add_command(commands):
    parser = commands.add_parser("random", help="random sequences, on both", description=__doc__)
    add_options(parser)
    parser.set_defaults(act=run)
    kept = commands.add_parser("kept", help="the kept sequences, against their answers")
    kept.add_argument("--on", choices=SIDES, default="pinion", help="which side (%(default)s)")
    kept.set_defaults(act=run_kept)
    short = commands.add_parser("short", help="the kept ones, and some random ones")
    add_options(short)
    short.set_defaults(act=run_short)
