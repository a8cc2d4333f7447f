# SPDX-License-Identifier: MIT
"""scripts/compare-logs: what a Linux guest says on Pinion alone is found, and only that."""

import subprocess
import sys

import pytest
from conftest import ROOT

OOM = [
    "log 4 work invoked oom-killer: gfp_mask=0x140dca, order=0",
    "log 4 Call Trace:",
    "log 4  dump_stack_lvl+0x44/0x5c",
    "log 3 Out of memory: Killed process 876 (work) total-vm:110696kB",
]
END = "Test result: SUCCESS"


@pytest.fixture
def compare(tmp_path):
    def run(ours, theirs):
        paths = []
        for name, lines in (("pinion.log", ours), ("xen.log", theirs)):
            paths.append(tmp_path / name)
            paths[-1].write_text("\n".join([*lines, ""]), encoding="utf-8")
        line = [sys.executable, ROOT / "scripts/compare-logs", *paths]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    return run


def test_the_same_but_for_numbers(compare):
    done = compare(["log 4 irq 5 at 0x80", END], ["log 4 irq 17 at 0x3f8", END])
    assert done.returncode == 0 and "0 not explained" in done.stdout


def test_a_warning_of_ours_alone(compare):
    done = compare(["log 4 WARNING: CPU: 0 at mm/memory.c:1", END], [END])
    assert done.returncode == 5 and "NOT EXPLAINED" in done.stdout


def test_a_trace_that_nobody_provoked(compare):
    assert compare(["log 4 Call Trace:", END], [END]).returncode == 5


def test_the_report_that_a_test_provokes_is_left_out(compare):
    assert compare([*OOM, END], [END]).returncode == 0
    assert compare([*OOM, "log 3 BUG: bad page", END], [END]).returncode == 5


def test_what_is_expected_is_shown_with_its_reason(compare):
    done = compare(["log 3 PCI: Fatal: No config space access function found", END], [END])
    assert done.returncode == 0 and "Nor has it PCI" in done.stdout


@pytest.mark.parametrize("ours,theirs", [([], [END]), ([END], ["log 4 irq"])])
def test_a_log_without_an_end_is_no_log(compare, ours, theirs):
    done = compare(ours, theirs)
    assert done.returncode == 2 and "not a whole log" in done.stderr


def test_wrong_arguments():
    line = [sys.executable, ROOT / "scripts/compare-logs"]
    assert subprocess.run([*line, "/nonexistent", "/nonexistent"], check=False).returncode == 2
    assert subprocess.run(line, stdout=subprocess.DEVNULL, check=False).returncode == 2
