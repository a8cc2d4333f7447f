# SPDX-License-Identifier: MIT
"""Who gets how much of the CPU, and how soon. Time is the guests': QEMU counts instructions."""

import re
import socket
import subprocess
import time

import pytest
from conftest import BUILD, COUNTED, boot_modules, machine

KERNEL = BUILD / "domains.elf"


def domain(name, words, *keys):
    return f"{KERNEL} {':'.join(['domain:memory=8M', f'name={name}', *keys])} {words}"


def results(modules, options=("domu",), **keys):
    """{NAME: {KEY: number}} of what the domains say at their ends."""
    done = boot_modules(modules, *options, extra=COUNTED, **keys)
    assert done.status == 0x10, done.out
    found = {}
    for name, words in re.findall(r"^(\w+)\| \w+: (.*=.*)$", done.out, re.M):
        found[name] = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", words)}
    return found


@pytest.mark.parametrize("weights", [(256, 256), (256, 512), (100, 900)])
def test_two_busy_domains_share_by_weight(weights):
    names = ("a", "b")
    found = results(
        [domain(n, "job=busy", f"weight={w}") for n, w in zip(names, weights)]
        + [domain("c", "job=sleepy rounds=50")]
    )
    done = [found[name]["done"] for name in names]
    for share, weight in zip(done, weights):
        assert share / sum(done) == pytest.approx(weight / sum(weights), abs=0.03), found


def test_a_timer_is_not_late_beside_busy_domains():
    found = results(
        [domain("c", "job=sleepy rounds=400")]
        + [domain(name, "job=busy") for name in ("a", "b", "d")]
    )
    assert found["c"]["mean"] < 500, found
    assert found["c"]["latest"] < 45_000, found  # microseconds: one slice of each other


def test_nor_while_a_large_domain_is_taken_apart_and_made_again():
    again = domain("big", "job=halves rounds=1 end=1", "on-reboot=restart").replace("8M", "160M")
    found = results([domain("c", "job=sleepy rounds=150"), again], (), memory="320M")
    assert found["c"]["mean"] < 1500, found


@pytest.mark.parametrize("run", [1, 4, 9])
def test_who_sleeps_a_little_gets_no_more(run):
    found = results([domain("a", "job=busy"), domain("b", f"job=sly run={run}")])
    assert found["b"]["done"] < 1.06 * found["a"]["done"], found


def test_nothing_is_saved_up_by_sleeping():
    words = "job=busy from=600 to=1000"
    found = results([domain("a", words), domain("b", f"{words} asleep=1")])
    assert found["b"]["done"] == pytest.approx(found["a"]["done"], rel=0.08), found


def test_who_yields_holds_nobody_up():
    found = results([domain("a", "job=busy"), domain("b", "job=polite"), domain("c", "job=busy")])
    assert found["a"]["done"] == pytest.approx(found["c"]["done"], rel=0.06), found
    assert found["b"]["done"] > 0, found


def test_a_domain_that_ends_is_buried_beside_busy_ones():
    done = boot_modules(
        [domain(n, "job=busy to=400") for n in ("a", "b")] + [domain("c", "job=halves rounds=1")],
        "domu",
        "audit=exit",
        extra=COUNTED,
    )
    ends = re.findall(r"^\(XEN\) Domain \d+ \((.)\) shut down", done.out, re.M)
    assert ends[0] == "c" and sorted(ends) == ["a", "b", "c"], done.out


def test_a_sibling_gets_the_cpu_soon_but_not_at_once():
    done = boot_modules(
        [f"{BUILD / 'guest.elf'} domain:memory=64M:vcpus=2 scenarios=vcpu-ipi-looks"],
        "domu",
        extra=COUNTED,
    )
    found = re.search(r"(\d+) times locked; looked (\d+) times, (\d+) at a busy one", done.out)
    assert found, done.out
    locked, asleep, busy = map(int, found.groups())
    assert locked == 0  # it was let go while the sender still had the CPU
    assert asleep < 100_000  # a look is some four instructions, one a nanosecond: far less than a slice
    assert busy < 500_000


def test_idle_means_halted(tmp_path):
    line = [machine.QEMU, "-m", "96M", "-display", "none", "-nic", "none", "-serial", "stdio"]
    line += ["-monitor", f"unix:{tmp_path / 'monitor'},server,nowait"]
    line += ["-kernel", BUILD / "pinion.elf", "-append", "console=com1 domu"]
    line += ["-initrd", f"{domain('a', 'job=echo')},{domain('b', 'job=echo')}"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as qemu:
        try:
            out = b""
            while out.count(b"? ") < 2:
                more = qemu.stdout.read1()
                assert more, out
                out += more
            assert halted(tmp_path / "monitor")
        finally:
            qemu.kill()


def halted(path):
    """True once the CPU is seen halted: it has had little to do since its last words."""
    end = time.monotonic() + 30
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.connect(str(path))
        said = b""
        while b"HLT=1" not in said and time.monotonic() < end:
            monitor.sendall(b"info registers\n")
            time.sleep(0.05)
            said = monitor.recv(65536)
    return b"HLT=1" in said
