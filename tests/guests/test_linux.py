# SPDX-License-Identifier: MIT
"""Debian's stock Linux: a shell to type in, the whole workload, its warnings against those on Xen."""

import re
import subprocess
import sys

import pytest
from terminal import BUILD, ROOT, Terminal

KERNEL = BUILD / "linux/vmlinuz"
RAMDISK = BUILD / "linux/ramdisk.cpio"
LOGS = BUILD / "test"
KINDS = {
    "initial": [],
    "domu": ["--domu"],
    "initial-4": ["--hv-option=dom0_max_vcpus=4"],
    "domu-2": ["--domu", "--hv-option=dom0_max_vcpus=2"],
    "xen": ["--on", "xen"],
}
PROMPT = r"^/ # "


def linux(*arguments, cmdline="", limit=120):
    line = [KERNEL, "--memory", "256M", "--module", RAMDISK]
    return Terminal(*line, "--cmdline", f"console=hvc0 {cmdline}".strip(), *arguments, limit=limit)


@pytest.mark.parametrize("kind", ["initial", "domu", "domu-2"])
def test_quick_shell(kind):
    """To a prompt; what is typed is carried out; poweroff ends the domain, with nothing left over."""
    with linux(*KINDS[kind], "--hv-option=audit=exit") as guest:
        guest.wait(rf"^init: up after .* {2 if kind == 'domu-2' else 1} CPU,")
        guest.wait(PROMPT)
        guest.type("echo $((6 * 7)) $(cat /sys/hypervisor/type)\n")
        guest.wait(r"^42 xen$")
        guest.wait(PROMPT)
        guest.type("poweroff -f\n")
        assert guest.status() == 0
    assert len(re.findall(r"^\(XEN\) audit: .*: ok$", guest.shown, re.M)) == 2
    assert "Call Trace" not in guest.shown and "WARNING:" not in guest.shown


def test_shell_ends_with_its_domain():
    """The end of the shell is the machine's."""
    with linux() as guest:
        guest.wait(PROMPT)
        guest.type("exit\n")
        assert guest.status() == 0


@pytest.mark.parametrize(
    "typed,status,word",
    [
        ("reboot -f", 0, "reboot"),
        ("echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger", 6, "crash"),
    ],
)
def test_other_ends(typed, status, word):
    with linux("--domu") as guest:
        guest.wait(PROMPT)
        guest.type(f"{typed}\n")
        assert guest.status() == status, guest.shown[-2000:]
    assert re.search(rf"Domain 1 .*shut down: {word}", guest.shown)


@pytest.fixture(scope="session")
def worked():
    """worked(KIND): the log of the whole workload there, run once."""
    kept = {}

    def run(kind):
        if kind not in kept:
            extra = [*KINDS[kind], *(["--hv-option=audit=exit"] if kind != "xen" else [])]
            LOGS.mkdir(parents=True, exist_ok=True)
            log = LOGS / f"linux-{kind}.log"
            with linux(*extra, "--log", log, cmdline="work=all", limit=300) as guest:
                kept[kind] = guest.status(), guest.shown, log
        return kept[kind]

    return run


@pytest.mark.parametrize("kind", list(KINDS))
def test_workload(worked, kind):
    status, shown, _ = worked(kind)
    assert status == 0, shown[-4000:]
    assert not re.findall(r"^not ok.*", shown, re.M)
    assert len(re.findall(r"^ok .*", shown, re.M)) >= 24
    if kind != "xen":
        assert len(re.findall(r"^\(XEN\) audit: .*: ok$", shown, re.M)) == 2


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "xen"])
def test_warnings_are_those_of_xen(worked, kind):
    done = subprocess.run(
        [sys.executable, ROOT / "scripts/compare-logs", worked(kind)[2], worked("xen")[2]],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_too_little_memory_is_said():
    """The kernel's image alone needs 80 MB: the builder says so."""
    with Terminal(KERNEL, "--memory", "32M") as guest:
        assert guest.status() == 6
    assert "needs" in guest.shown and "the domain has 32768kB" in guest.shown, guest.shown[-1500:]
