# SPDX-License-Identifier: MIT
"""The store domain: what its clients see, and that none of them can stop it for the others."""

import re

import pytest
from conftest import BUILD, boot_modules

POWEROFF, CRASH = 0x10, 0x13
STORE = f"{BUILD / 'store.elf'} domain:role=store:name=store:memory=16M"


def client(name, words):
    return f"{BUILD / 'store-guest.elf'} domain:name={name}:memory=8M {words}"


def said(out, name):
    return re.findall(rf"^{name}\| (.*)$", out, re.M)


def ends(out):
    return dict(re.findall(r"^\(XEN\) Domain \d+ \((.*)\) shut down: (.*)$", out, re.M))


def run(*lines, options=("audit=exit",)):
    return boot_modules([*lines], "domu", *options, memory="128M")


def check_books(out):
    """Every audit, at each domain's end and the machine's, found nothing."""
    audits = re.findall(r"^\(XEN\) audit: .*$", out, re.M)
    assert audits and all(line.endswith(": ok") for line in audits), out
    assert "did not come back" not in out


def test_every_request_from_a_guest_s_own_ring():
    done = run(STORE, client("alice", "job=basic"))
    assert said(done.out, "alice") == [
        "I am alice, domain 2, and may have 8192 KiB",
        "all as it should be",
    ], done.out
    assert said(done.out, "store")[1:] == ["store: d2 (alice) is served"]
    assert done.status == POWEROFF
    check_books(done.out)


def test_the_order_of_the_modules_does_not_matter():
    done = run(client("alice", "job=basic"), STORE, client("bob", "job=basic"))
    assert ends(done.out) == {"alice": "poweroff", "bob": "poweroff"}, done.out


def test_one_watches_what_another_writes():
    done = run(STORE, client("reader", "job=reader peer=3"), client("writer", "job=writer peer=2"))
    assert said(done.out, "reader") == ["it says: good morning"], done.out
    assert ends(done.out) == {"reader": "poweroff", "writer": "poweroff"}


def test_transactions_of_two_domains_lose_nothing():
    done = run(
        STORE,
        client("one", "job=adder owner=1 at=2 peer=3 rounds=20"),
        client("two", "job=adder at=2 rounds=20"),
    )
    assert ends(done.out) == {"one": "poweroff", "two": "poweroff"}, done.out


@pytest.mark.parametrize(
    "job",
    ["index", "answers", "length", "flood", "watches", "hoard", "reconnect", "scribble"],
)
def test_a_hostile_client_stops_nobody_else(job):
    done = run(
        STORE,
        client("bad", f"job={job} for=3"),
        client("good", "job=worker rounds=300"),
        client("other", "job=basic"),
    )
    assert said(done.out, "bad")[0].startswith("hostile: "), done.out
    assert said(done.out, "good") == ["300 rounds"], done.out
    assert ends(done.out) == {"bad": "poweroff", "good": "poweroff", "other": "poweroff"}
    check_books(done.out)


def test_a_client_that_dies_leaves_nothing_behind():
    """It crashes in the middle of its work and is made again, several times."""
    again = f"{BUILD / 'store-guest.elf'} domain:name=again:memory=8M:on-crash=restart job=dies last=22"
    done = run(STORE, again, client("good", "job=worker rounds=400"))
    served = [line for line in said(done.out, "store") if "(again) is served" in line]
    assert len(served) == 7, done.out
    assert said(done.out, "good") == ["400 rounds"]
    assert ends(done.out) == {"again": "poweroff", "good": "poweroff"}
    check_books(done.out)
