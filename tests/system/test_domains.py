# SPDX-License-Identifier: MIT
"""Several domains from module lines: who is built of what, how the machine ends, what is refused."""

import re

import pytest
from conftest import BUILD, boot_modules

GUEST = BUILD / "guest.elf"
POWEROFF, REBOOT, CRASH, FAILURE = 0x10, 0x11, 0x13, 0x1F


def ends(out):
    """What became of each domain, in the order of their ends."""
    return re.findall(r"^\(XEN\) Domain (\d+) \((.*)\) shut down: (.*)$", out, re.M)


def memory_given(out, domid):
    ranges = re.findall(rf"Dom{domid} alloc\.: +([0-9a-f]+)->([0-9a-f]+)", out)
    return sum(int(end, 16) - int(start, 16) for start, end in ranges) >> 20


def test_three_domains_with_their_own_memory_and_ramdisks():
    done = boot_modules(
        [
            f"{GUEST} domain:memory=40M:name=one scenarios=zero-fill",
            BUILD / "initrd.cpio",
            f"{GUEST} domain:name=two:memory=32M:vcpus=2 scenarios=zero-fill",
            BUILD / "initrd.cpio",
            f"{BUILD / 'hello.elf'} domain:memory=8M",
        ],
        "domu",
        "audit=exit",
        memory="160M",
    )
    assert sorted(ends(done.out)) == [
        ("1", "one", "poweroff"),
        ("2", "two", "poweroff"),
        ("3", "Domain-3", "poweroff"),
    ]
    assert [memory_given(done.out, n) for n in (1, 2, 3)] == [40, 32, 8]
    assert done.out.count("4 passed, 0 failed") == 2, done.out
    assert len(re.findall(r"^\(XEN\) audit: .*: ok$", done.out, re.M)) == 6, done.out
    assert done.status == POWEROFF


def test_the_initial_domain_ends_the_machine(kernels, hello):
    done = boot_modules([f"{hello} domain:memory=16M", f"{kernels(SPIN=1)} domain:memory=8M"])
    assert "Hardware Dom0 halted: halting machine" in done.out
    assert not ends(done.out)
    assert done.status == POWEROFF


def test_a_store_does_not_keep_the_machine_up(kernels):
    store = kernels(message="store\\n", SPIN=1)
    done = boot_modules(
        [f"{store} domain:role=store:memory=8M", f"{BUILD / 'hello.elf'} domain:memory=16M:name=a"],
        "domu",
    )
    assert ends(done.out) == [("2", "a", "poweroff")]
    assert "No store domain" not in done.out
    assert done.status == POWEROFF


def test_the_worst_end_is_the_machine_s(kernels, hello):
    crash = kernels(reason=3)
    done = boot_modules(
        [f"{crash} domain:memory=8M:name=bad", f"{kernels(reason=1)} domain:memory=8M:name=good"],
        "domu",
    )
    assert sorted(ends(done.out)) == [("1", "bad", "crash"), ("2", "good", "reboot")]
    assert done.status == CRASH


@pytest.mark.parametrize("option,text", [("domu", "gets no xenstore"), ("", "will wait for xenstore")])
def test_no_store_is_said_once_for_each_domain(hello, option, text):
    """An initial domain could become the store; without one a kernel is told not to wait for it."""
    done = boot_modules([f"{hello} domain:memory=8M"] * 3, option)
    for domid in (1, 2):
        assert done.out.count(f"No store domain: d{domid} {text}") == 1


def test_the_first_takes_what_the_others_leave(hello):
    done = boot_modules([hello, f"{hello} domain:memory=16M"], memory="128M")
    assert 80 < memory_given(done.out, 0) < 104
    assert memory_given(done.out, 1) == 16
    assert done.status == POWEROFF


def test_a_second_ramdisk_is_ignored_and_said(hello):
    done = boot_modules([f"{hello} domain:memory=8M", BUILD / "initrd.cpio", BUILD / "initrd.cpio"])
    assert 'initrd.cpio" is one more than a kernel and a ramdisk: ignored' in done.out
    assert done.status == POWEROFF


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("domain:colour=red", 'no such key: "colour=red"'),
        ("domain:memory", 'bad value in "memory"'),
        ("domain:memory=lots", 'bad value in "memory=lots"'),
        ("domain:memory=0", 'bad value in "memory=0"'),
        ("domain:vcpus=0", 'bad value in "vcpus=0"'),
        ("domain:vcpus=9", 'bad value in "vcpus=9"'),
        ("domain:weight=-1", 'bad value in "weight=-1"'),
        ("domain:role=king", 'bad value in "role=king"'),
        ("domain:on-reboot=maybe", 'bad value in "on-reboot=maybe"'),
        ("domain:name=a|b", 'bad value in "name=a|b"'),
        ("domain:memory=8M:max-memory=4M", "max-memory= is less than memory="),
        ("domain:memory=8G", "Not enough memory: domain Domain-0 is to have 8388608k"),
        ("domain:role=store:on-crash=restart", "the store cannot be made again"),
        (f"domain:name={'a' * 32}", "bad value"),
        (f"domain:{'a' * 70}=1", "is too long"),
    ],
)
def test_a_line_that_cannot_be_followed_ends_the_boot(hello, words, why):
    done = boot_modules([f"{hello} {words}"])
    assert any(why in line for line in done.panics), done.out
    assert done.status == FAILURE


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("role=initial", "a second domain with role=initial"),
        ("name=Domain-0", 'bad value in "name=Domain-0"'),
    ],
)
def test_what_there_is_only_one_of(hello, key, why):
    done = boot_modules([f"{hello} domain:name=Domain-0", f"{hello} domain:{key}"])
    assert any(why in line for line in done.panics), done.out


@pytest.mark.parametrize("audit", ["audit=off", "audit=exit"])
def test_a_domain_that_reboots_is_made_again(kernels, hello, audit):
    again = kernels(message="again\\n", reason=1)
    done = boot_modules(
        [
            f"{BUILD / 'hello.elf'} domain:memory=16M",
            f"{again} domain:name=again:memory=8M:on-reboot=restart",
            BUILD / "initrd.cpio",
        ],
        audit,
    )
    assert "Hardware Dom0 halted" in done.out
    assert done.status == POWEROFF
