# SPDX-License-Identifier: MIT
"""The serial line loses nothing, however late its reader is: the verdict comes last."""

import subprocess
import sys
import time

import pytest
from conftest import BUILD, ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from pinion_lib import machine  # noqa: E402

LINE = "a line of sixty-four bytes, which is written four thousand times"
COUNT = 4000  # four times what a pipe holds


@pytest.fixture
def talker(kernels):
    return kernels(LINE + "\\n", REPEAT=COUNT)


def late_reader(line, seconds):
    """Output and exit status of a program whose output is not read for a while."""
    with subprocess.Popen(
        line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        time.sleep(seconds)
        return process.communicate(timeout=60)[0].decode().splitlines(), process.returncode


def test_the_hypervisor_waits_for_a_late_reader(talker, tmp_path):
    line = machine.command(machine.Boot(BUILD / "pinion.elf", talker), tmp_path)
    lines, status = late_reader(line, 2)
    assert status == 0x21
    assert lines.count(LINE) == COUNT
    assert "halting machine" in lines[-1]


def test_the_tool_reads_while_its_own_output_waits(talker, tmp_path):
    log = tmp_path / "run.log"
    line = [ROOT / "scripts" / "pinion", "--build", BUILD, "run", talker, "--log", log]
    lines, status = late_reader(line, 2)
    assert status == 0
    assert lines.count(LINE) == COUNT
    assert log.read_text().splitlines().count(LINE) == COUNT
