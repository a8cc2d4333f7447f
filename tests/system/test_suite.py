# SPDX-License-Identifier: MIT
"""The comparing of the conformance suite's two records."""

import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from pinion_lib import suite  # noqa: E402

ALLOWED = """
# a comment
question: int/(\\d+)
pinion: vec=\\1
xen: vec=\\d+ (.*)
why: the emulator's
    vectors
"""


def compare(ours, theirs, allowed=""):
    entries = suite.differences(allowed)
    return suite.compare(ours, theirs, entries), entries


def test_records():
    lines = ["noise", "ask a/b rc=0 pte=0", "(XEN) ask not", "ask c rc=-22", "ask a/b rc=1", "ask d"]
    answers, twice = suite.record(lines)
    assert answers == {"a/b": "rc=1", "c": "rc=-22", "d": ""}
    assert twice == ["a/b"]


def test_equal_answers_agree():
    (same, explained, wrong), _ = compare({"a": "1", "b": "2"}, {"a": "1", "b": "2"})
    assert (same, explained, wrong) == (2, 0, [])


def test_a_difference_is_found():
    (same, _, wrong), _ = compare({"a": "1", "b": "2"}, {"a": "1", "b": "3"})
    assert same == 1 and wrong == [("b", "2", "3")]


@pytest.mark.parametrize("ours,theirs", [({"a": "1"}, {}), ({}, {"a": "1"})])
def test_a_missing_answer_is_a_difference(ours, theirs):
    assert len(compare(ours, theirs)[0][2]) == 1


def test_an_allowed_difference():
    (_, explained, wrong), entries = compare({"int/7": "vec=7"}, {"int/7": "vec=14 x"}, ALLOWED)
    assert explained == 1 and not wrong
    assert entries[0].used == 1 and entries[0].why == "the emulator's vectors"


def test_an_allowed_difference_is_no_other():
    (_, explained, wrong), entries = compare({"int/7": "vec=8"}, {"int/7": "vec=14 x"}, ALLOWED)
    assert not explained and len(wrong) == 1 and not entries[0].used


@pytest.mark.parametrize(
    "text", ["question: a\npinion: b\nxen: c", "question: (\npinion: b\nxen: c\nwhy: d"]
)
def test_a_bad_entry_is_refused(text):
    with pytest.raises(ValueError):
        suite.differences(text)


def test_the_kept_file_is_read():
    assert suite.differences(suite.DIFFERENCES.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "arguments", [["suite", "nonsense"], ["suite", "--timeout", "x"], ["other"], []]
)
def test_usage(arguments):
    command = [sys.executable, ROOT / "scripts" / "conform", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert done.returncode == 2 and "conform" in done.stderr


def test_without_xen(tmp_path):
    environment = {"PINION_CACHE": str(tmp_path), "PATH": str(tmp_path)}
    command = [sys.executable, ROOT / "scripts" / "conform", "suite"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=30, env=environment
    )
    assert done.returncode == 3 and "xen-hypervisor-4.17-amd64 comes from Debian" in done.stderr
    assert done.stdout.endswith("1 skipped: there is no Xen to compare with\n")
