# SPDX-License-Identifier: MIT
"""How a run ended decides the exit status: tiny kernels, one for each way."""

import pytest
from conftest import boot

RESULTS = [("SUCCESS", 0), ("SKIP", 3), ("ERROR", 4), ("FAILURE", 5)]


@pytest.mark.parametrize("word,status", RESULTS)
def test_result_line_decides(kernels, word, status):
    done = boot(kernels(f"1..1\\nok 1 - x\\nTest result: {word}\\n"))
    assert done.status == status, done.err
    assert f"Test result: {word}" in done.out


def test_power_off_without_a_result_is_success(hello):
    done = boot(hello)
    assert done.status == 0, done.err
    assert "hello" in done.out.splitlines()
    assert "(XEN) Hardware Dom0 halted: halting machine" in done.out


def test_plan_without_a_result_is_an_error(kernels):
    assert boot(kernels("1..3\\nok 1 - x\\n")).status == 4


def test_reboot_ends_the_run(kernels):
    done = boot(kernels(reason=1))
    assert done.status == 0, done.err
    assert "hello" in done.out


def test_shutdown_with_reason_crash(kernels):
    done = boot(kernels(reason=3))
    assert done.status == 6
    assert "Hardware Dom0 crashed" in done.out


def test_success_does_not_hide_a_crash(kernels):
    assert boot(kernels("Test result: SUCCESS\\n", reason=3)).status == 6


def test_dead_guest_is_dumped(kernels):
    """No trap table: a fault kills the domain, which leaves its registers and a walk."""
    done = boot(kernels(FAULT=1))
    assert done.status == 6
    assert "(XEN) Domain 0 (vcpu#0) crashed on cpu#0:" in done.out
    assert "0000000123456000" in done.out.lower()
    assert "rip" in done.out.lower()
    assert "Panic on CPU" not in done.out


def test_endless_kernel_times_out(kernels):
    done = boot(kernels(SPIN=1), timeout=4)
    assert done.status == 124
    assert "no end within 4 s; last line: hello" in done.err


def test_unprivileged_domain_powers_off(hello):
    done = boot(hello, "--domu")
    assert done.status == 0, done.err
    assert "(XEN) Domain 1 (Domain-1) shut down: poweroff" in done.out


def test_unprivileged_domain_crashes(kernels):
    done = boot(kernels(FAULT=1), "--domu")
    assert done.status == 6
    assert "(XEN) Domain 1 (vcpu#0) crashed on cpu#0:" in done.out
