# SPDX-License-Identifier: MIT
"""scripts/pinion itself: its help, its refusals, its reports."""

import functools
import os
import signal
import subprocess
import xml.etree.ElementTree as xml

import pytest
from conftest import BUILD, ROOT, call


@pytest.mark.parametrize("command", [[], ["run"], ["list"], ["test"], ["iso"], ["unpack"]])
def test_help(command):
    done = call(*command, "--help")
    assert done.status == 0
    assert "usage: pinion" in done.out
    assert len(done.out.splitlines()) > 4


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["frobnicate"],
        ["run"],
        ["run", "/nonexistent.elf"],
        ["run", __file__, "--module", "/nonexistent"],
        ["run", __file__, "--on", "kvm"],
        ["run", __file__, "--firmware", "floppy"],
        ["run", __file__, "--timeout", "0"],
        ["run", __file__, "--timeout", "soon"],
        ["run", __file__, "--initial-domain", "--domu"],
        ["run", __file__, "--on", "xen", "--domu"],
        ["run", __file__, "--on", "xen", "--firmware", "bios"],
        ["test", "-k", "no-such-scenario"],
        ["test", "--platform", "vax"],
    ],
)
def test_wrong_command_lines(arguments):
    done = call(*arguments)
    assert done.status == 2, done
    assert done.err.strip()
    assert "Traceback" not in done.err


def test_missing_build_is_an_error_that_says_what_to_do(tmp_path):
    done = call("--build", tmp_path, "run", __file__)
    assert done.status == 4
    assert "make build" in done.err


def test_missing_qemu_is_an_error(hello, tmp_path):
    python = tmp_path / "python3"
    python.symlink_to("/usr/bin/python3")
    done = call("run", hello, env={**os.environ, "PATH": str(tmp_path)})
    assert done.status == 4
    assert "make bootstrap" in done.err


def test_wrong_qemu_argument_is_an_error(hello):
    done = call("run", hello, "--qemu-arg=-no-such-option")
    assert done.status == 4
    assert "no-such-option" in done.err


def test_what_is_wrong_with_an_image_is_said_last(tmp_path):
    image = tmp_path / "text.elf"
    image.write_text("hello")
    done = call("run", image, "--timeout", 20)
    assert done.status == 6, done.err
    assert "cannot be started: not an ELF image" in done.err.splitlines()[-1]


def test_log_holds_the_serial_lines(hello, tmp_path):
    log = tmp_path / "run.log"
    done = call("run", hello, "--log", log)
    assert done.status == 0
    assert "hello" in log.read_text().splitlines()
    assert "\r" not in log.read_text()


def test_names_with_spaces_and_commas(hello, tmp_path):
    odd = tmp_path / "a kernel, with commas.elf"
    odd.write_bytes(hello.read_bytes())
    for firmware in ("direct", "bios"):
        done = call("run", odd, "--firmware", firmware, "--cmdline", "x=1,2 y=,")
        assert done.status == 0, (firmware, done.err)


def test_runs_leave_nothing_behind(hello):
    before = set(BUILD.iterdir())
    assert call("run", hello, "--firmware", "bios").status == 0
    assert {path for path in set(BUILD.iterdir()) - before if path.name.startswith("run-")} == set()


def test_gdb_line_can_be_pasted(hello):
    """QEMU waits for gdb: the line must be there; the run is then ended from outside."""
    line = [ROOT / "scripts" / "pinion", "--build", BUILD, "run", hello, "--gdb"]
    pipes = {"stdin": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    # What a shell starts in the background ignores Ctrl-C, and so would all that it starts.
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(line, preexec_fn=heed, **pipes) as run:
        said = run.stderr.readline() + run.stderr.readline()
        run.send_signal(signal.SIGINT)
        assert run.wait(timeout=20) != 0
    assert "target remote :1234" in said and "pinion.elf" in said


def test_list_names_every_scenario_and_platform():
    done = call("list")
    assert done.status == 0
    assert "six-steps" in done.out and "pte-holds-mfn" in done.out
    for platform in ("direct-initial", "bios-domu", "uefi-initial", "xen-initial"):
        assert platform in done.out


def test_tap_and_junit(tmp_path):
    file = tmp_path / "out.xml"
    one = ["test", "-k", "six-steps", "--platform", "direct-initial", "--platform", "direct-domu"]
    done = call(*one, "--tap", "--junit", file)
    assert done.status == 0, done.out + done.err
    lines = done.out.splitlines()
    assert lines[0] == "1..2"
    assert lines[1].startswith("ok 1 - direct-initial/six-steps")
    assert lines[-1] == "# 2 passed, 0 failed, 0 skipped"
    suite = xml.parse(file).getroot()
    assert suite.get("tests") == "2" and suite.get("failures") == "0"
    assert {case.get("classname") for case in suite} == {"direct-initial", "direct-domu"}


def test_table_ends_with_counts():
    done = call("test", "-k", "six-steps", "--platform", "direct-initial")
    assert done.status == 0, done.out + done.err
    assert done.out.splitlines()[-1] == "1 passed, 0 failed, 0 skipped"
