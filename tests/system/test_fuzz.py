# SPDX-License-Identifier: MIT
"""The fuzzers' tool: what it says to bad input, and the kept inputs' replayers."""

import subprocess

import pytest
from conftest import BUILD, ROOT, tool

PACKS = sorted((ROOT / "tests/host/fuzz/corpus").glob("*.pack"))


def fuzz(*arguments):
    return tool("fuzz", *arguments)


@pytest.mark.parametrize(
    "arguments,why",
    [
        (["--target", "nothing", "run"], "no target 'nothing'"),
        (["run", "--time", "soon"], "invalid int value"),
        (["--target", "memory", "mend"], "invalid choice"),
        ([], "required"),
    ],
)
def test_bad_input_is_said_and_status_2(arguments, why):
    done = fuzz(*arguments)
    assert done.returncode == 2
    assert why in done.stderr


def test_the_small_corpus_is_small():
    assert len(PACKS) == 7
    assert sum(path.stat().st_size for path in PACKS) < 300_000


@pytest.mark.parametrize("content", [b"fuzzpack\x05\0\0\0abc", b"fuzzpack\1"])
def test_a_pack_that_is_cut_off_is_refused(tmp_path, content):
    pack = tmp_path / "some.pack"
    pack.write_bytes(content)
    done = subprocess.run(
        [BUILD / "host/fuzz-options", pack], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "cut off" in done.stderr
