# SPDX-License-Identifier: MIT
"""The fuzzer that runs inside a guest: its tool, and what it has found that no scenario can show."""

import json
import subprocess
import sys

from conftest import BUILD, ROOT, boot

TOOL = ROOT / "scripts" / "fuzz-guest"
KERNEL = BUILD / "guest-fuzz.elf"


def tool(*arguments):
    command = [sys.executable, str(TOOL), "--build", str(BUILD), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_second_debug_exception_before_the_first_handler():
    """The hypervisor used to return to the start of its handler for ever."""
    done = boot(KERNEL, "--cmdline", "watched=1")
    assert done.status in (0, 6), (done.status, done.out[-2000:])
    if done.status == 6:  # QEMU's double report; a CPU that reports once goes on
        assert "its frame is lost" in done.out, done.out[-2000:]
    assert "Panic" not in done.out


def test_same_seed_same_steps():
    first, second = (boot(KERNEL, "--cmdline", "seed=77 to=40 verbose=1").out for _ in range(2))
    kinds = [[line for line in out.splitlines() if line.startswith("fuzz:   ") and "rip" in line]
             for out in (first, second)]
    assert len(kinds[0]) >= 40
    assert kinds[0] == kinds[1]


def test_fixed_run_and_its_summary():
    done = tool("--boots", 1, "--steps", 300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "1 passed, 0 failed"
    summary = json.loads((BUILD / "fuzz-guest" / "summary.json").read_text(encoding="utf-8"))
    assert summary["boots"] == 1
    assert summary["steps"] == 300
    assert summary["findings"] == []


def test_a_failed_check_is_a_finding(tmp_path):
    """A kernel that reports a finding: it is seen, replayed and counted."""
    image = KERNEL.read_bytes().replace(b"fuzz: seed %lu epoch at", b"FINDING: planted %lu%lu")
    for name in ("pinion.elf",):
        (tmp_path / name).write_bytes((BUILD / name).read_bytes())
    (tmp_path / "guest-fuzz.elf").write_bytes(image)
    command = [sys.executable, str(TOOL), "--build", str(tmp_path), "--boots", "1", "--steps", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 5, done.stdout + done.stderr
    assert "FINDING 1 (seed 1): FINDING: planted" in done.stdout
    assert "replay: scripts/pinion run" in done.stdout
    assert done.stdout.splitlines()[-1] == "0 passed, 1 failed"


def test_bad_arguments():
    for arguments in (("--seed", "x"), ("--time", "0"), ("--steps", "-3"), ("--boots", "many")):
        done = tool(*arguments)
        assert done.returncode == 2, arguments
        assert arguments[0] in done.stderr


def test_bad_seed_in_the_guest():
    done = boot(KERNEL, "--cmdline", "seed=ten to=1")
    assert done.status == 6
    assert "seed=ten is no number" in done.out
