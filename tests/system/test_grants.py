# SPDX-License-Identifier: MIT
"""Pages shared between two domains by grants (tests/domains/share.c): in use, and when either dies."""

import re

import pytest
from conftest import BUILD, COUNTED, boot_modules

POWEROFF, CRASH = 0x10, 0x13
KERNEL = BUILD / "domains.elf"
PAGES = 40


def share(giver, taker, *options, memory=16):
    """One giver, domain 1, and one taker, domain 2, whose books are checked at each end."""
    return boot_modules(
        [
            f"{KERNEL} domain:memory={memory}M:name=giver job=give to=2 pages={PAGES} {giver}",
            f"{KERNEL} domain:memory={memory}M:name=taker job=take from=1 pages={PAGES} {taker}",
        ],
        "domu",
        *(options or ["audit=exit"]),
    )


def ends(done):
    return re.findall(r"^\(XEN\) Domain (\d) \(\w+\) shut down: (\w+)$", done.out, re.M)


def audits(done):
    """Verdicts of the books, before and after each burial."""
    return re.findall(r"^\(XEN\) audit: .* before: (.*)$", done.out, re.M)


def test_used_and_given_back():
    done = share("", "")
    assert f"take: mapped={PAGES}" in done.out
    assert f"give: busy={PAGES}" in done.out
    assert f"give: back={PAGES}" in done.out
    assert sorted(ends(done)) == [("1", "poweroff"), ("2", "poweroff")]
    assert audits(done) == ["ok"] * 4
    assert done.status == POWEROFF


def test_what_is_not_granted_is_refused():
    """The taker tries it all; the log says why not."""
    done = share("", "")
    for rule in ("entry-read-only", "frame-not-owned", "reference-beyond-table",
                 "foreign-domain-privilege"):
        assert f"rule {rule}" in done.out
    assert done.status == POWEROFF


def test_the_taker_dies_with_pages_mapped():
    done = share("", "wait=0 unmap=0 end=3")
    assert f"give: back={PAGES}" in done.out
    assert ends(done)[0] == ("2", "crash")
    assert audits(done) == ["ok"] * 4
    assert done.status == CRASH


@pytest.mark.parametrize("unmap", [0, 1])
def test_the_giver_dies_first(unmap):
    """Its pages stay for the taker until that has unmapped them, or is dead itself."""
    done = share("wait=0", f"hold=1 unmap={unmap}")
    assert f"take: held={PAGES}" in done.out
    assert ends(done) == [("1", "poweroff"), ("2", "poweroff")]
    assert audits(done) == ["ok"] * 4
    assert done.status == POWEROFF


def test_both_die_with_pages_mapped():
    done = share("wait=0 end=3", "wait=0 unmap=0 end=3")
    assert sorted(ends(done)) == [("1", "crash"), ("2", "crash")]
    assert audits(done) == ["ok"] * 4


def test_the_books_at_every_step():
    done = share("wait=0", "hold=1", "audit=each", memory=6)
    assert f"take: held={PAGES}" in done.out
    assert audits(done) == ["ok"] * 4
    assert done.status == POWEROFF


@pytest.mark.parametrize("unmap", [0, 1])
def test_the_initial_domain_maps_a_frame_by_its_number(unmap):
    """No grant is needed for it; the frame outlives its owner like a granted one."""
    done = boot_modules(
        [
            f"{KERNEL} domain:memory=16M:role=initial job=peek of=1 unmap={unmap}",
            f"{KERNEL} domain:memory=8M:name=other job=busy to=300",
        ],
        "audit=exit",
        extra=COUNTED,
    )
    assert "peek: mapped" in done.out
    assert "peek: outlived it" in done.out
    assert ends(done) == [("1", "poweroff")]
    assert audits(done) == ["ok"] * 4
    assert done.status == POWEROFF
