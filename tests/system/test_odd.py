# SPDX-License-Identifier: MIT
"""The odd kernels (tests/odd): what each form reports on Pinion is what it reports on real Xen."""

import re

import pytest
from conftest import BUILD, ROOT, call

FORMS = ["section", "zero", "string", "bare"]
# FIFO events cannot be switched off in Xen; version 2 of grant tables can.
XEN = ["--on", "xen", "--hv-option", "gnttab=max-ver:1"]
# {what begins the lines: (on Xen, on Pinion, why)}
EXPLAINED = {
    "user: vector": (
        ["64 error 0 at 2", "96 error 0 at 6"],
        ["32 error 0 at 2", "13 error 182 at 4"],
        "QEMU's TCG names another vector in the error code of INT n; Pinion reads the instruction",
    ),
    "FIFO events": ([": 0"], [": -22"], "left out"),
    "send": ([": 0, two-level events 0"], [": 0, two-level events 1"], "Xen uses FIFO events now"),
}


def record(form, *arguments):
    done = call(
        "run",
        BUILD / f"odd-{form}.elf",
        *["--module", ROOT / "LICENSE", "--cmdline", "one two=3", "--timeout", 30],
        *arguments,
    )
    assert done.status == 0, done.out[-3000:] + done.err
    return [line for line in done.out.splitlines() if line and not line.startswith("(XEN)")]


def unexplained(lines, side):
    """The record without the lines that are explained; each of those must be there."""
    left = list(lines)
    for start, sides in EXPLAINED.items():
        for end in sides[side]:
            line = next((x for x in left if re.match(f"{start}:? ?{re.escape(end)}", x)), None)
            assert line, f"not in the record: {start} ... {end}"
            left.remove(line)
    return left


@pytest.fixture(scope="module")
def records():
    return {form: record(form) for form in FORMS}


@pytest.mark.parametrize("form", FORMS)
def test_same_record_as_on_xen(records, form):
    here, there = unexplained(records[form], 1), unexplained(record(form, *XEN), 0)
    assert here == there
    assert len(here) > 70


@pytest.mark.parametrize("form", FORMS)
def test_what_the_builder_promises(records, form):
    lines = records[form]
    assert f"form {'low' if form in ('section', 'zero') else 'high'}" in lines
    assert "other registers 0, rflags 202, cs e033 ss e02b ds 0 es 0 fs 0 gs 0" in lines
    assert "frames without their number in the M2P: 0" in lines
    assert "tables that could be made writable: 0" in lines
    assert "command line 'one two=3'" in lines
    assert not [line for line in lines if line.endswith(": no")]


@pytest.mark.parametrize("form", FORMS)
def test_as_an_unprivileged_domain(records, form):
    """It finds the pages of its console and store rings through the M2P: without it, it is mute."""
    lines = record(form, "--domu")
    extra = ["store ring: requests 0 0, answers 0 0", "store port: closed"]
    assert [line for line in extra if line in lines] == extra
    apart = ("magic ", "flags ", *extra)
    common = [line for line in records[form] if not line.startswith(apart)]
    assert [line for line in lines if not line.startswith(apart)] == common


def test_all_at_once(records):
    """Beside each other, each as if alone."""
    arguments = []
    for form in FORMS:
        spec = f'kernel={BUILD}/odd-{form}.elf,module={ROOT}/LICENSE,cmdline="one two=3",name={form}'
        arguments += ["--domain", spec]
    done = call("run", *arguments, "--store", "--timeout", 60)
    assert done.status == 0, done.out[-3000:] + done.err
    for form in FORMS:
        start = f"{form}| "
        lines = [x.removeprefix(start) for x in done.out.splitlines() if x.startswith(start)]
        wanted = [x for x in records[form] if not x.startswith(("magic ", "flags "))]
        assert [x for x in lines if not x.startswith(("magic ", "flags ", "store "))] == wanted
        assert "store port: there" in lines
        assert f"pinion: domain {form}: poweroff; Test result: SUCCESS" in done.err
