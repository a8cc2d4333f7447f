# SPDX-License-Identifier: MIT
"""Event channels between domains (tests/domains/call.c): in use, closed by either, left by the dead."""

import os
import re
import sys

import pytest
from conftest import BUILD, ROOT, boot_modules

sys.path.insert(0, str(ROOT / "tests/guests"))
from terminal import Terminal  # noqa: E402

KERNEL = BUILD / "domains.elf"
POWEROFF, WATCHDOG = 0x10, 0x14
SWITCH = b"\x01\x01\x01"
ROUNDS = int(os.environ.get("PINION_ROUNDS", "50"))


def domain(name, words, *keys):
    return f"{KERNEL} {':'.join(['domain:memory=8M', f'name={name}', *keys])} {words}"


def run(modules, *options, limit=60):
    done = boot_modules(modules, "audit=exit", *options, limit=limit)
    said = re.findall(r"^\(XEN\) audit: .* before: (.*)$", done.out, re.M)
    assert said and set(said) == {"ok"}, done.out[-3000:]
    return done


def test_calls_until_the_caller_hangs_up():
    done = run([domain("a", "job=offer to=2 stay=1"), domain("b", "job=call from=1")], "domu")
    assert "b| call: answers=100 status=-1 reset=-1" in done.out, done.out
    assert "a| offer: calls=100" in done.out
    assert "a| offer: unbound for=2 send=0" in done.out
    assert done.status == POWEROFF


@pytest.mark.parametrize("dies", ["a", "b"])
def test_the_end_of_either_leaves_the_other_unbound(dies):
    stay = {"a": "stay=0", "b": "stay=0 close=0", ("ab".replace(dies, "")): "stay=1"}
    done = run(
        [domain("a", f"job=offer to=2 {stay['a']}"), domain("b", f"job=call from=1 {stay['b']}")],
        "domu",
    )
    assert ("b| call: unbound for=1 send=0" if dies == "a" else "a| offer: unbound for=2 send=0") in done.out
    assert done.status == POWEROFF


def test_a_port_is_for_whom_it_was_offered():
    """The third one is refused; the initial domain may look, but not reset a domain that runs."""
    done = run(
        [
            domain("i", "job=call from=1 port=41 after=2"),
            domain("a", "job=offer to=0 port=41 stay=1"),
            domain("b", "job=call from=1 port=41 once=1"),
        ]
    )
    assert "b| call: bind=-22" in done.out, done.out
    assert "i| call: answers=100 status=0 reset=-22" in done.out
    assert done.status == POWEROFF


def test_any_requests_and_ends():
    """Three domains bind, close and send what they can think of, and are made again when they end."""
    again = "on-reboot=restart"
    done = run(
        [domain("i", f"job=watch rounds={ROUNDS}")]
        + [domain(name, "job=ports end=1 within=20", again) for name in "abc"],
        "loglvl=error",
        "guest_loglvl=none",
        limit=60 + 2 * ROUNDS,
    )
    assert done.status == POWEROFF


def test_a_watchdog_ends_its_own_domain():
    done = run([domain("a", "job=dog"), domain("b", "job=sleepy rounds=5")], "domu")
    assert "a| dog: number=1" in done.out
    assert "Watchdog timer fired for domain 1" in done.out
    assert re.search(r"Domain 1 \(a\) shut down: watchdog", done.out), done.out
    assert re.search(r"Domain 2 \(b\) shut down: poweroff", done.out), done.out
    assert done.status == WATCHDOG


def test_keys_show_domains_and_their_ports():
    """The vCPUs are told as well: VIRQ_DEBUG ends what waits for it."""
    words = [f'--domain=kernel={KERNEL},memory=8M,name={name},cmdline="job=debugged"' for name in "ab"]
    with Terminal(*words, limit=60) as guest:
        for _ in "ab":
            guest.wait(r"^[ab]\| debugged: port=\d+$")
        guest.type(3 * SWITCH.decode() + "eq")
        guest.wait(r"^\(XEN\) d1 \(a\): ports$")
        guest.wait(r"^\(XEN\)   \d+: virq d0/1, to v0, pending 0, masked 1$")
        guest.wait(r"^\(XEN\) d2 \(b\): 2048 of 2048 pages$")
        guest.wait(r"^\(XEN\)   v0 (blocked|runs)(, polls)?: upcall \d, masked \d, rip f")
        assert guest.status() == 0, guest.shown
    assert guest.shown.count("debugged: told") == 2
