# SPDX-License-Identifier: MIT
"""What a domain leaves behind when it ends at any moment: nothing, once others have let go of it.

Each machine runs with audit=exit: the books are recounted before and after each end. The thousand
rounds that are not part of `make test`: PINION_ROUNDS=1000 pytest tests/system/test_domain_ends.py
"""

import os
import re

import pytest
from conftest import BUILD, COUNTED, boot_modules

KERNEL = BUILD / "domains.elf"
ROUNDS = int(os.environ.get("PINION_ROUNDS", "50"))
AGAIN = ("on-reboot=restart", "on-crash=restart")
POWEROFF = 0x10


def domain(name, words, *keys, memory="8M"):
    return f"{KERNEL} {':'.join([f'domain:memory={memory}', f'name={name}', *keys])} {words}"


def ends(out):
    return re.findall(r"^\(XEN\) Domain (\d+) \((.*)\) shut down: (.*)$", out, re.M)


def free_when_gone(out):
    """{DOMID: KiB free when the last of it had gone}."""
    found = re.findall(r"^\(XEN\) Domain (\d+) is gone: (\d+)kB are free$", out, re.M)
    return {int(domid): int(free) for domid, free in found}


def audits_right(out):
    said = re.findall(r"^\(XEN\) audit: .* before: (.*)$", out, re.M)
    return bool(said) and set(said) == {"ok"}


def run(modules, *options, memory="128M", extra=()):
    limit = 40 + ROUNDS
    done = boot_modules(modules, "audit=exit", *options, memory=memory, limit=limit, extra=extra)
    assert audits_right(done.out), done.out[-3000:]
    return done


def test_a_dead_lender_s_page_stays_until_the_borrower_lets_go():
    modules = [domain("a", "job=lend to=2"), domain("b", "job=borrow stay=1")]
    done = run(modules, "domu", extra=COUNTED)
    assert re.search(r"Domain 1 \(a\): others have \d+ of its frames in use", done.out)
    # The page is still readable and writable; the port waits for the number that is gone; nobody
    # may borrow from the dead (-GNTST_bad_domain is 2).
    assert "b| borrow: content=7810770575057841780 writes=2 peer=1 again=2" in done.out, done.out
    assert "b| borrow: unmap=0" in done.out
    # The borrower's next words may come before or after.
    assert done.out.index("b| borrow: content=") < done.out.index("Domain 1 is gone"), done.out
    assert len(free_when_gone(done.out)) == 2
    assert done.status == POWEROFF


@pytest.mark.parametrize("reason", [0, 3])
def test_a_dead_borrower_gives_the_page_back(reason):
    done = run(
        [domain("a", "job=lend to=2 stay=1"), domain("b", f"job=borrow end={reason}")], "domu"
    )
    assert "a| lend: content=7810770575057841780 peer=2" in done.out, done.out
    assert len(free_when_gone(done.out)) == 2


def test_a_domain_that_dies_at_any_moment_leaves_nothing():
    done = run(
        [
            domain("watch", f"job=watch rounds={ROUNDS}"),
            domain("wild", "job=wild", *AGAIN),
        ],
        "guest_loglvl=none",
    )
    assert f"watch| watch: made={ROUNDS}" in done.out, done.out[-3000:]
    assert len(ends(done.out)) >= ROUNDS - 1
    assert {reason for *_, reason in ends(done.out)} == {"crash", "reboot"}
    free = free_when_gone(done.out)
    free.pop(0)
    assert len(set(free.values())) == 1, free
    assert done.status == POWEROFF


def test_a_domain_that_is_killed_at_any_moment_leaves_nothing():
    done = run(
        [
            domain("kill", f"job=kill rounds={ROUNDS} within=30"),
            domain("one", "job=wild within=3000", *AGAIN),
            domain("two", "job=wild within=3000 self=2", *AGAIN),
        ],
        "guest_loglvl=none",
    )
    assert f"kill| kill: ended={ROUNDS}" in done.out, done.out[-3000:]
    free = free_when_gone(done.out)
    free.pop(0)
    # The other domain has its two pages of grant handles then, or not yet.
    assert max(free.values()) - min(free.values()) <= 8, free
    assert done.status == POWEROFF
