# SPDX-License-Identifier: MIT
"""Kernels of three makers at once: Linux with its workload, our guest with its scenarios, GRUB, a store."""

import re

import pytest
from terminal import BUILD, Terminal

IMAGES = {
    "linux": f"module={BUILD}/linux/ramdisk.cpio,kernel={BUILD}/linux/vmlinuz,memory=256M",
    "grub": f"kernel={BUILD}/grub/grub-x86_64-xen.bin,memory=96M",
    "guest": f"kernel={BUILD}/guest.elf,module={BUILD}/initrd.cpio,memory=64M",
}


def beside(linux_role, work, limit):
    linux = f'{IMAGES["linux"]},name=linux,role={linux_role}'
    domains = [f'{linux},cmdline="console=hvc0 {work}"']
    domains += [f"{IMAGES['guest']},name={name},cmdline=scenarios=all" for name in ("one", "two")]
    domains += [f"{IMAGES['grub']},name=grub"]
    line = [word for domain in domains for word in ("--domain", domain)]
    return Terminal(*line, "--store", "--hv-option=audit=exit", limit=limit)


def audits_are_fine(shown):
    audits = re.findall(r"^\(XEN\) audit: .*$", shown, re.M)
    assert audits and all(line.endswith(": ok") for line in audits), audits


@pytest.mark.parametrize("work", ["work=forks,tree,execs,cow,balloon,segv,threads,fpu,time"])
def test_linux_beside_our_guest_and_grub(work):
    """All of them domUs: each ends by itself, GRUB when it is told to."""
    with beside("domu", work, 400) as machine:
        machine.wait(r"^linux\| Test result: SUCCESS")
        machine.seen = 0
        machine.wait(r"grub\| grub> ")
        machine.seen = 0
        for name in ("one", "two"):
            machine.wait(rf"Domain \d+ \({name}\) shut down: poweroff")
            machine.seen = 0
        machine.wait(r"Domain \d+ \(linux\) shut down: poweroff")
        while "(grub)" not in machine.wait(r"Serial input to (.*) \(type")[1]:
            machine.type("\x01\x01\x01")
        machine.type("halt\r")
        assert machine.status() == 0, machine.shown[-3000:]
    for name in ("one", "two", "linux"):
        assert f"pinion: domain {name}: poweroff; Test result: SUCCESS" in machine.shown
    assert not re.search(r"^linux\| .*(Call Trace|WARNING:|BUG:)", machine.shown, re.M)
    audits_are_fine(machine.shown)


def test_linux_as_the_initial_domain_beside_our_guest():
    """It has the keyboard, and ends the machine when the others are done."""
    with beside("initial", "", 400) as machine:
        machine.wait(r"linux\| / # ")
        machine.type("echo $((6 * 7))\n")
        machine.wait(r"^linux\| 42$")
        machine.seen = 0
        for name in ("one", "two"):
            machine.wait(rf"Domain \d+ \({name}\) shut down: poweroff")
            machine.seen = 0
        machine.type("poweroff -f\n")
        assert machine.status() == 0, machine.shown[-3000:]
    assert "pinion: domain linux: poweroff" in machine.shown
    assert "pinion: domain grub: was running when the machine ended" in machine.shown
    for name in ("one", "two"):
        assert f"pinion: domain {name}: poweroff; Test result: SUCCESS" in machine.shown
    audits_are_fine(machine.shown)
