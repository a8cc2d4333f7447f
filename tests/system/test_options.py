# SPDX-License-Identifier: MIT
"""The hypervisor's command line, in Xen's spelling."""

import re

import pytest
from conftest import BUILD, boot


def with_options(kernel, *words):
    return boot(kernel, *[f"--hv-option={word}" for word in words])


def test_banner_comes_first(hello):
    lines = [line for line in boot(hello).out.splitlines() if line.strip()]
    assert re.match(r"\(XEN\) Pinion \d+\.\d+", next(x for x in lines if "(XEN)" in x))


def test_unknown_option_is_reported_and_ignored(hello):
    done = with_options(hello, "frobnicate=7")
    assert done.status == 0, done.err
    said = [line for line in done.out.splitlines() if "frobnicate" in line]
    assert any("nknown" in line and "Command line" not in line for line in said), said


def test_known_options_draw_no_complaint(hello):
    done = with_options(hello, "sync_console", "console_timestamps=none", "loglvl=all")
    assert done.status == 0, done.err
    assert not [line for line in done.out.splitlines() if "nknown" in line]


@pytest.mark.parametrize("word", ["loglvl=nonsense", "dom0_mem=lots", "console_timestamps=maybe", "clocksource=pit"])
def test_malformed_value_is_reported(hello, word):
    done = with_options(hello, word)
    assert done.status == 0, done.err
    name = word.split("=")[0]
    said = [x for x in done.out.splitlines() if name in x and "ommand line:" not in x]
    assert said, done.out


def test_grant_table_frames():
    """gnttab_max_frames= is what a table may grow to; a value that cannot be leaves it at 64."""
    for value, most in (("3", 3), ("128", 128), ("0", 64), ("129", 64), ("2x", 64)):
        done = with_options(BUILD / "odd-section.elf", f"gnttab_max_frames={value}")
        assert f"frames of a grant table: at most {most}\n" in done.out, done.out[-2000:]
        assert ("bad value" in done.out) == (most == 64)


@pytest.mark.parametrize("words,flags", [((), 0), (("clocksource=tsc",), 1)])
def test_clocksource_says_that_the_tsc_is_stable(words, flags):
    line = ["--cmdline", "scenarios=time,vcpu-op", "--module", BUILD / "initrd.cpio"]
    done = boot(BUILD / "guest.elf", *line, *[f"--hv-option={word}" for word in words])
    assert done.status == 0 and f"# clock: flags {flags}\n" in done.out, done.out[-2000:]


def test_loglvl_silences(hello):
    loud = with_options(hello, "loglvl=all").out.count("(XEN)")
    quiet = with_options(hello, "loglvl=error", "guest_loglvl=none").out.count("(XEN)")
    assert quiet < loud


def test_console_timestamps(hello):
    out = with_options(hello, "console_timestamps=boot").out
    assert re.search(r"^\(XEN\) \[ *\d+\.\d+\]", out, re.M), out
    out = with_options(hello, "console_timestamps=none").out
    assert not re.search(r"^\(XEN\) \[", out, re.M), out


def test_guest_output_has_no_prefix(hello):
    out = with_options(hello, "console_timestamps=boot").out
    assert "hello" in out.splitlines()


def test_com1_speed(hello):
    done = with_options(hello, "com1=38400,8n1")
    assert done.status == 0, done.err
    assert "hello" in done.out


def memory_given(out):
    """Bytes of the domain, from the ranges in the log."""
    ranges = re.findall(r"Dom0 alloc\.: +([0-9a-f]+)->([0-9a-f]+)", out)
    return sum(int(end, 16) - int(start, 16) for start, end in ranges)


@pytest.mark.parametrize("size", [24, 48, 100])
def test_dom0_mem_is_what_the_guest_gets(hello, size):
    done = boot(hello, "--memory", f"{size}M")
    assert done.status == 0, done.err
    assert memory_given(done.out) == size << 20, done.out


def test_later_word_wins(hello):
    done = boot(hello, "--memory", "8G", "--hv-option=dom0_mem=32M")
    assert done.status == 0, done.err
    assert memory_given(done.out) == 32 << 20


def test_noreboot_on_a_crash(kernels):
    assert "'noreboot' set - not rebooting." in boot(kernels(reason=3)).out


def test_very_long_command_line(hello):
    """Longer than any buffer: no overflow, and the run goes on."""
    done = with_options(hello, *[f"unknown{i:04}=x" for i in range(250)])
    assert done.status == 0, done.err
    assert "hello" in done.out
