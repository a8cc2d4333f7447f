# SPDX-License-Identifier: MIT
"""Debian's stock Linux as a client of the store domain: it does not wait, reads and writes."""

import re

from terminal import BUILD, Terminal

LINUX = f"kernel={BUILD / 'linux/vmlinuz'},module={BUILD / 'linux/ramdisk.cpio'},memory=192M"
STORE = f"kernel={BUILD / 'store.elf'},role=store,memory=16M,name=store"
PROMPT = r"^linux\| / # "


def request(kind, *strings):
    """A request's bytes as printf's escapes: kind, number 1, no transaction, its strings."""
    payload = "".join(text + r"\0" for text in strings)
    length = sum(len(text) + 1 for text in strings)
    return rf"\{kind:o}\0\0\0\1\0\0\0\0\0\0\0\{length:o}\0\0\0{payload}"


def test_quick_store():
    """xenbus is there without a wait; the kernel has said what it can do; a shell can ask."""
    with Terminal(
        "--domain", f'{LINUX},name=linux,cmdline="console=hvc0"', "--domain", STORE, limit=90
    ) as guest:
        guest.wait(r"^linux\| init: up after ([0-9.]+) s")
        guest.wait(PROMPT)
        guest.type("stty -echo; exec 3<>/dev/xen/xenbus; echo open\n")
        guest.wait(r"^linux\| .*open$")
        for path, value in (("name", "linux"), ("domid", "1"), ("control/feature-poweroff", "1")):
            guest.type(f"printf '{request(2, path)}' >&3; dd bs=16 count=1 <&3 2>&- | wc -c\n")
            guest.wait(r"^linux\| .*16$")
            guest.type("dd bs=99 count=1 <&3 2>&-; echo\n")
            guest.wait(rf"^linux\| .*{value}$")
        guest.type("poweroff -f\n")
        assert guest.status() == 0, guest.shown[-2000:]
    assert re.search(r"^store\| store: d1 \(linux\) is served$", guest.shown, re.M)
    assert not re.search(r"(?i)xenbus.*(error|fail|timeout|waiting)", guest.shown), guest.shown


def test_quick_asked_to_power_off():
    """A line at the store's console writes control/shutdown: Linux runs what it has for it."""
    words = ["--domain", f'{LINUX},name=linux,cmdline="console=hvc0"', "--domain", STORE]
    with Terminal(*words, "--hv-option=audit=exit", limit=90) as guest:
        guest.wait(PROMPT)
        guest.type("mkdir /sbin; printf '#!/bin/sh\\necho asked; poweroff -f\\n' > /sbin/poweroff\n")
        guest.wait(PROMPT)
        guest.type("chmod +x /sbin/poweroff\n")
        guest.wait(PROMPT)
        guest.type("\x01\x01\x01")
        while "(store)" not in guest.wait(r"Serial input to (.*) \(type")[1]:
            guest.type("\x01\x01\x01")
        guest.type("poweroff 7\r")
        guest.wait(r"^store\| no such domain$")
        guest.type("poweroff 1\r")
        guest.wait(r"^store\| asked$")
        guest.wait(r"Domain 1 \(linux\) shut down: poweroff")
        assert guest.status() == 0, guest.shown[-2000:]
