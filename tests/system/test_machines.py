# SPDX-License-Identifier: MIT
"""The pair on other machines: CPU models, memory sizes, boot loaders."""

import re

import pytest
from conftest import BUILD, boot, boot_modules, call

INITRD = BUILD / "initrd.cpio"
GUEST = BUILD / "guest.elf"


@pytest.mark.parametrize("cpu", ["qemu64", "EPYC", "max"])
def test_cpu_models(hello, cpu):
    done = boot(hello, "--cpu", cpu)
    assert done.status == 0, done.err
    assert "hello" in done.out


@pytest.mark.parametrize("memory", ["64M", "100M", "1G", "5G", "16G"])
def test_memory_sizes(hello, memory):
    done = boot(hello, "--host-memory", memory, "--memory", "32M", timeout=60)
    assert done.status == 0, done.err
    assert "hello" in done.out


def test_large_guest(hello):
    done = boot(hello, "--host-memory", "3G", "--memory", "2G", timeout=60)
    assert done.status == 0, done.err


@pytest.mark.parametrize("firmware", ["direct", "bios", "uefi"])
def test_both_ways_of_loading_look_the_same(hello, firmware):
    """The command lines of hypervisor and kernel do not depend on the loader."""
    done = boot(hello, "--firmware", firmware, "--cmdline", "a=1 b=2,3", timeout=90)
    assert done.status == 0, done.err
    assert "hello" in done.out
    assert not [line for line in done.out.splitlines() if "nknown" in line]


@pytest.mark.parametrize(
    "cpu, timer", [("qemu64", "local APIC"), ("qemu64,-apic", "PIT")]
)
def test_both_timers(cpu, timer):
    """Pauses by the one timer or the other; what is typed interrupts by the 8259s on both."""
    words = "domain:memory=8M:name="
    done = boot_modules(
        [
            f"{BUILD / 'domains.elf'} {words}a job=echo",
            f"{BUILD / 'domains.elf'} {words}b job=halves rounds=3 pause=30",
        ],
        "domu",
        text=b"\ntyped\nquit\n",
        extra=["-cpu", cpu],
    )
    assert f"(XEN) Deadlines by the {timer}." in done.out, done.out
    assert "heard typed" in done.out, done.out
    assert done.out.count("second half") == 3, done.out


@pytest.mark.parametrize("cpu", ["qemu64", "qemu64,-apic", "EPYC", "max"])
def test_scenarios_on_cpu_models(cpu):
    """One boot of all scenarios; the matrix runs on qemu64 alone."""
    done = boot(GUEST, "--cmdline", "scenarios=all", "--module", INITRD, "--cpu", cpu, timeout=90)
    assert done.status == 0, done.out[-3000:] + done.err


def test_scenarios_with_much_memory():
    """1.5 GiB in pieces of any order: all of it is mapped where it should be, nothing in its place."""
    size = ("--host-memory", "2G", "--memory", "1500M")
    done = boot(GUEST, "--cmdline", "scenarios=all", "--module", INITRD, *size, timeout=240)
    assert done.status == 0, done.out[-3000:] + done.err
    assert re.search(r"^ok \d+ - pte-holds-mfn # 384000 pages", done.out, re.M), done.out[-3000:]


def test_every_scenario_of_the_sources_is_in_the_guest():
    """`scenarios=all` runs exactly what scripts/pinion finds, less those that run alone."""
    done = boot(GUEST, "--cmdline", "scenarios=all", "--module", INITRD, timeout=90)
    listed = call("list").out.split("platforms:")[0].splitlines()[1:]
    wanted = {line.split()[0] for line in listed if not line.endswith("(ends its domain)")}
    assert set(re.findall(r"^(?:not )?ok \d+ - (\S+)", done.out, re.M)) == wanted


def test_smap_and_smep_by_option(hello):
    done = boot(hello, "--cpu", "max", "--hv-option=no-smep")
    assert done.status == 0, done.err


def test_guest_reports_words_it_does_not_know():
    done = boot(GUEST, "--cmdline", "scenarios=six-steps frobnicate=1", "--module", INITRD)
    assert done.status == 0, done.err
    assert [line for line in done.out.splitlines() if "frobnicate" in line and "#" in line]


def test_unknown_scenario_is_an_error():
    done = boot(GUEST, "--cmdline", "scenarios=no-such-thing", "--module", INITRD)
    assert done.status == 4, done.out[-2000:]


def test_trace_shows_the_steps():
    done = boot(GUEST, "--cmdline", "scenarios=six-steps", "--module", INITRD, "--trace")
    assert done.status == 0, done.err
    plain = boot(GUEST, "--cmdline", "scenarios=six-steps", "--module", INITRD)
    assert done.out.count("\n") > plain.out.count("\n") + 5
