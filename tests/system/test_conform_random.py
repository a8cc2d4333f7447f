# SPDX-License-Identifier: MIT
"""The front of the random sequences: what is asked for wrongly, an interruption, a kept test that fails."""
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("PINION_BUILD") or ROOT / "build")
CONFORM = [sys.executable, str(ROOT / "scripts/conform"), "--build", str(BUILD)]
sys.path.insert(0, str(ROOT / "scripts"))

from pinion_lib import conform  # noqa: E402 (the path above comes first)


@pytest.mark.parametrize(
    "arguments", [["--seed", "x"], ["--seed", "-1"], ["--count", "0"], ["--count", "1e3"], ["--from", ""]]
)
def test_no_number(arguments):
    done = subprocess.run([*CONFORM, "random", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "is no number" in done.stderr


def test_interrupted_keeps_results():
    state = BUILD / "conform/seed-90210.json"
    state.unlink(missing_ok=True)
    with subprocess.Popen(
        [*CONFORM, "random", "--seed", "90210", "--count", "1000000"],
        stdout=subprocess.PIPE,
        text=True,
    ) as run:
        for line in run.stdout:
            if "compared" in line and " 0 of " not in line:
                break
        run.send_signal(signal.SIGINT)
        rest = run.stdout.read()
    assert run.returncode == 130, rest
    assert "go on with FROM=" in rest
    assert json.loads(state.read_text())["compared"] > 0


def test_what_is_known_about_xen():
    ours = ["op 1", "answer 1 rc=-22", "answer end a1=0", "answer reset"]
    theirs = ["op 1", "answer 1 rc=-22", "answer end a1=-16", "answer reset held(a1)=-22"]
    assert conform.xen_keeps_a_table(ours, theirs)
    assert not conform.xen_keeps_a_table(theirs, ours)
    assert not conform.xen_keeps_a_table(["answer 1 rc=0", *ours[2:]], theirs)
    assert not conform.xen_keeps_a_table(
        [line.replace("-22", "0") for line in ours], [line.replace("-22", "0") for line in theirs]
    )


def test_answers_that_differ():
    comparison = conform.Comparison(1, 0, 3)
    for name, answers in {"pinion": ["a", "b", "c stuck"], "xen": ["a", "x", "c stuck"]}.items():
        for number, text in enumerate(answers):
            comparison.answer(name, number, text)
    assert comparison.same == 1
    assert sorted(comparison.differ) == [1, 2]
