# SPDX-License-Identifier: MIT
"""One serial line for several domains: whose a line is, and who hears what is typed."""

import re

from conftest import BUILD, COUNTED, boot_modules

KERNEL = BUILD / "domains.elf"
SWITCH = b"\x01\x01\x01"
FIRST = b"\n"  # typed before there is anybody to hear it: it may be lost
GIVEN = r"^\(XEN\) \*\*\* Serial input to (.*) \(type 'CTRL-a' three times to switch input\)$"


def domain(name, words):
    return f"{KERNEL} domain:memory=8M:name={name} {words}"


def said(out, name):
    return re.findall(rf"^{name}\| (.*)$", out, re.M)


def test_lines_are_whole_and_begin_with_the_name():
    rounds = 40
    words = f"job=halves rounds={rounds}"
    modules = [domain(name, words) for name in ("a", "b", "c")]
    done = boot_modules(modules, "domu", extra=COUNTED)
    for name in ("a", "b", "c"):
        assert said(done.out, name) == ["first half, second half"] * rounds, done.out


def test_an_unfinished_line_is_written_after_a_pause():
    done = boot_modules(
        [
            domain("slow", "job=halves rounds=1 pause=400"),
            domain("quick", "job=halves rounds=20 pause=10"),
        ],
        "domu",
        extra=COUNTED,
    )
    assert said(done.out, "slow") == ["first half, ", "second half"], done.out


def test_one_domain_alone_is_not_named():
    done = boot_modules([f"{KERNEL} job=halves rounds=3"])
    assert done.out.splitlines().count("first half, second half") == 3
    assert "| " not in done.out


def test_a_long_line_is_not_lost(kernels):
    line = "x" * 2000
    done = boot_modules(
        [f"{kernels(line + chr(92) + 'n')} domain:memory=8M:name=a", domain("b", "job=halves")]
    )
    assert "".join(said(done.out, "a")) == line, done.out


def test_input_goes_round():
    text = FIRST + b"for a\n" + SWITCH + b"for b\n" + SWITCH + b"h" + SWITCH + b"again\nquit\n"
    text += SWITCH + b"quit\n"
    done = boot_modules([domain("a", "job=echo"), domain("b", "job=echo")], "domu", text=text)
    given = re.findall(GIVEN, done.out, re.M)
    assert given[:3] == ["DOM2 (b)", "Pinion", "DOM1 (a)"], done.out
    assert "(XEN)  'h' list the keys" in done.out
    for name, words in {"a": ["for a", "again", "quit"], "b": ["for b", "quit"]}.items():
        heard = re.findall(r"heard (.+)", "\n".join(said(done.out, name)))
        assert heard == words, done.out


def test_input_of_a_domain_that_has_ended_goes_to_the_next():
    done = boot_modules(
        [domain("a", "job=halves rounds=1"), domain("b", "job=busy to=300")], "domu", extra=COUNTED
    )
    assert re.findall(GIVEN, done.out, re.M)[:1] == ["DOM2 (b)"], done.out


def test_control_a_itself_can_be_typed():
    done = boot_modules([f"{KERNEL} job=echo"], text=FIRST + b"x\x01\x01y\nquit\n")
    assert "heard x\x01\x01y" in done.out
