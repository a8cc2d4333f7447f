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
NEWER = BUILD / "linux/vmlinuz-newer"
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


@pytest.mark.parametrize("kind", ["initial", "domu", "xen"])
def test_newer_linux(kind):
    """A kernel of Debian's backports, which as initial domain looks through the machine's first MiB."""
    extra = [*KINDS[kind], *(["--hv-option=audit=exit"] if kind != "xen" else [])]
    line = [NEWER, "--memory", "256M", "--module", RAMDISK, *extra]
    with Terminal(*line, "--cmdline", "console=hvc0 work=forks,cow,segv,fpu", limit=180) as guest:
        assert guest.status() == 0, guest.shown[-4000:]
    assert len(re.findall(r"^ok .*", guest.shown, re.M)) == 4
    assert not re.findall(r"^not ok.*|Call Trace|WARNING:", guest.shown, re.M)
    if kind != "xen":
        assert len(re.findall(r"^\(XEN\) audit: .*: ok$", guest.shown, re.M)) == 2


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


def domain(name, memory="256M", **keys):
    """The argument of --domain for one more Linux."""
    words = {"kernel": KERNEL, "module": RAMDISK, "memory": memory, "name": name, **keys}
    words["cmdline"] = f'"console=hvc0 {keys["cmdline"]}"'
    return ",".join(f"{key}={value}" for key, value in words.items())


@pytest.mark.parametrize("vcpus", [2, 4])
def test_several_cpus(vcpus):
    """All of them share one physical CPU: waiting for each other is what is tested, not speed."""
    one = domain("smp", vcpus=vcpus, cmdline="work=forks,execs,cow,threads,fpu,timers,time")
    with Terminal("--domain", one, "--hv-option=audit=exit", limit=300) as guest:
        assert guest.status() == 0, guest.shown[-4000:]
    assert f"smp: Brought up 1 node, {vcpus} CPUs" in guest.shown
    assert len(re.findall(r"^smp\| ok .*", guest.shown, re.M)) == 7
    assert "not ok" not in guest.shown and "Call Trace" not in guest.shown


def test_two_beside_a_store_and_a_kernel_of_ours():
    store = f"kernel={BUILD / 'store.elf'},role=store,memory=16M,name=store"
    ours = f"kernel={BUILD / 'guest.elf'},module={BUILD / 'initrd.cpio'},memory=64M,name=ours"
    sets = [
        store,
        domain("a", "160M", cmdline="work=forks,cow,file,segv"),
        domain("b", "160M", cmdline="work=execs,anonymous,threads"),
        f"{ours},cmdline=scenarios=fork",
    ]
    words = [word for each in sets for word in ("--domain", each)]
    with Terminal(*words, "--hv-option=audit=exit", limit=240) as guest:
        assert guest.status() == 0, guest.shown[-4000:]
    for line in (r"^a\| ok segv", r"^b\| ok threads", r"^ours\| ok 2 - fork-cow"):
        assert re.search(line, guest.shown, re.M), line
    assert not re.findall(r"not ok|Call Trace", guest.shown)
    assert len(re.findall(r"^\(XEN\) audit: .*: ok$", guest.shown, re.M)) == 6


def test_too_little_memory_is_said():
    """The kernel's image alone needs 80 MB: the builder says so."""
    with Terminal(KERNEL, "--memory", "32M") as guest:
        assert guest.status() == 6
    assert "needs" in guest.shown and "the domain has 32768kB" in guest.shown, guest.shown[-1500:]
