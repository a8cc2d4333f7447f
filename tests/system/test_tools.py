# SPDX-License-Identifier: MIT
"""The tools' own logic: verdicts, TAP, the matrix, the ramdisk, the layers."""

import subprocess
import sys
import types

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "scripts"))
from pinion_lib import iso, machine, matrix, report, runner, scenarios  # noqa: E402
from pinion_lib.scenarios import Result  # noqa: E402


def serial_of(text):
    serial = runner.Serial(False, None)
    serial.feed(text.encode())
    serial.close()
    return serial


@pytest.mark.parametrize(
    "code,text,status",
    [
        (0x21, "Test result: SUCCESS\r\n", 0),
        (0x21, "Test result: SKIP\n", 3),
        (0x21, "Test result: SUCCESS\nTest result: FAILURE\n", 5),
        (0x21, " Test result: FAILURE\n", 0),
        (0x21, "1..2\nok 1 - a\n", 4),
        (0x27, "Test result: SUCCESS\n", 6),
        (0x3F, "", 6),
        (0x21, "(XEN) Domain 1 (vcpu#0) crashed on cpu#0:\nTest result: SUCCESS\n", 6),
        (0, "(XEN) Hardware Dom0 halted: halting machine\n", 0),
        (0, "hello\n", 6),
        (1, "", 4),
        (-9, "(XEN) Hardware Dom0 halted: halting machine", 0),
    ],
)
def test_verdicts(code, text, status):
    assert runner.judge(code, serial_of(text), False, 5, "").status == status


def test_timeout_is_its_own_verdict():
    done = runner.judge(-9, serial_of("Test result: SUCCESS\nstuck\n"), True, 5, "")
    assert done.status == 124 and "stuck" in done.reason


def test_waiting_for_a_store_that_is_not_there_is_said():
    """A kernel that asks for ever (GRUB), or one that may wait, beside an initial domain."""
    none = "(XEN) No store domain: d2 gets no xenstore\n"
    asks = "(XEN) d2v0 refused event_channel_op send[0]: rule evtchn-cannot-be-sent: -EINVAL\n"
    waits = "(XEN) No store domain: d3 will wait for xenstore\n"

    def reason(text):
        return runner.judge(-9, serial_of(text), True, 5, "").reason

    assert reason(none + asks).endswith("; d2 asks for xenstore, and there is no store: --store")
    assert reason(waits).endswith("; d3 may wait for xenstore, and there is no store: --store")
    for text in (none, asks, none + asks.replace("d2", "d4")):
        assert "--store" not in reason(text)
    assert "--store" not in runner.judge(0x21, serial_of(waits), False, 5, "").reason


def test_terminal_control_does_not_reach_the_log():
    assert serial_of("\x1b[2J\x1b[01;01H\x1b[=3hok 1 - a\r\n").lines == ["ok 1 - a"]


def test_tap_lines():
    lines = ["1..4", "ok 1 - a # fine", "not ok 2 - b # ERROR no memory", "not ok 3 - c", "noise"]
    found = scenarios.points([*lines, "ok 4 - d # SKIP not here"])
    assert {name: result.outcome for name, result in found.items()} == {
        "a": "pass",
        "b": "ERROR",
        "c": "FAIL",
        "d": "skip",
    }
    assert scenarios.points(["ok 1 - a", "ok 2 - a"])["a"].outcome == "ERROR"


class Boots:
    """A platform whose boots are given: a list of (status, names that report)."""

    def __init__(self, boots):
        self.boots = iter(boots)

    def __call__(self, names):
        status, reporting = next(self.boots)
        return runner.Outcome(status, "why", [f"ok 1 - {name}" for name in reporting])


def platform_of(*boots):
    platform = matrix.Platform("direct-initial", None, None)
    platform.boot = Boots(boots)
    return platform


def named(names, alone=False):
    dies = "the rule it broke" if alone else ""
    return [scenarios.Scenario(name, alone=alone, dies=dies) for name in names]


DEATH = ["(XEN) the rule it broke", "(XEN) Domain 1 (vcpu#0) crashed on cpu#0:"]
ALONE = [
    (6, ["1..1", *DEATH], "pass"),
    (6, DEATH, "ERROR"),
    (6, ["1..1", DEATH[1]], "FAIL"),
    (6, ["1..1", *DEATH, "(XEN) Panic on CPU 0:"], "FAIL"),
    (0, ["1..1", "ok 1 - a # it lives"], "FAIL"),
    (5, ["1..1", "not ok 1 - a # it lives"], "FAIL"),
    (3, ["1..1", "ok 1 - a # SKIP not here"], "skip"),
    (124, ["1..1"], "ERROR"),
]


@pytest.mark.parametrize("status,lines,outcome", ALONE)
def test_a_scenario_that_ends_its_domain(status, lines, outcome):
    platform = matrix.Platform("direct-domu", None, None)
    platform.boot = lambda names: runner.Outcome(status, "why", lines)
    assert platform.run(named("a", alone=True)).results["a"].outcome == outcome


def test_scenarios_are_found_in_their_sources(monkeypatch, tmp_path):
    (tmp_path / "x.c").write_text(
        'SCENARIO(a, "one_a", "first, (of two)")\n{\n}\n'
        'SCENARIO_FLAGS(b, "two", "second "\n         "half", SCENARIO_ALONE)\n{\n}\n'
    )
    monkeypatch.setattr(scenarios, "FOLDER", tmp_path)
    found = scenarios.sources()
    assert [(s.name, s.alone) for s in found.values()] == [("one-a", False), ("two", True)]
    assert found["two"].summary == "second half"


def test_a_crash_is_charged_and_the_rest_run_again():
    done = platform_of((6, ["a"]), (0, ["c", "d"])).run(named("abcd")).results
    assert [done[name].outcome for name in "abcd"] == ["pass", "FAIL", "pass", "pass"]


def test_a_crash_after_the_last_report_is_not_lost():
    done = platform_of((6, ["a", "b"])).run(named("ab")).results
    assert report.is_bad(done["b"]) and not report.is_bad(done["a"])


def test_a_verdict_against_its_points_is_not_lost():
    done = platform_of((5, ["a", "b"])).run(named("ab")).results
    assert report.is_bad(done["b"])


def test_a_boot_that_says_nothing_is_not_repeated():
    done = platform_of((0, [])).run(named("ab")).results
    assert all(report.is_bad(result) for result in done.values())


def test_a_difference_from_xen_fails(monkeypatch):
    results = {("a", "direct-domu"): Result("pass"), ("a", matrix.XEN): Result("skip")}
    monkeypatch.setattr(matrix, "freedoms", dict)
    assert matrix.differences(["a"], results)
    assert report.is_bad(results["a", "direct-domu"])


def test_a_documented_freedom_does_not(monkeypatch):
    results = {("a", "direct-domu"): Result("pass"), ("a", matrix.XEN): Result("skip")}
    monkeypatch.setattr(matrix, "freedoms", lambda: {"a": "Xen has no such option"})
    assert "allowed" in matrix.differences(["a"], results)[0]
    assert not report.is_bad(results["a", "direct-domu"])


def test_modules_with_commas(tmp_path):
    boot = machine.Boot("hv", tmp_path / "k,1", "a=1,2", [tmp_path / "m"])
    line = machine.direct(boot, tmp_path)
    assert line[-1] == f"{tmp_path}/k,,1 a=1,,2,{tmp_path}/m"


def test_grub_words_are_quoted():
    assert iso.grub_words("a=1  $b 'c;") == "a=1 \\$b \\'c\\;"


def test_initrd_is_sorted_and_fixed(tmp_path):
    for name in "ab":
        (tmp_path / name).write_text(f"contents of {name}")
    archives = []
    for order in (["a", "b"], ["b", "a"]):
        out = tmp_path / "out.cpio"
        members = [f"dir/{name}={tmp_path / name}" for name in order]
        subprocess.run([ROOT / "scripts" / "mkinitrd", out, *members], check=True)
        archives.append(out.read_bytes())
    assert archives[0] == archives[1]
    assert archives[0].startswith(b"070701") and b"TRAILER!!!" in archives[0]
    assert archives[0].index(b"dir/a\0") < archives[0].index(b"dir/b\0")


def test_layers_are_checked(tmp_path):
    def layers():
        line = [ROOT / "scripts" / "check-layers", tmp_path]
        return subprocess.run(line, capture_output=True, text=True, check=False)

    (tmp_path / "pt").mkdir()
    (tmp_path / "pt" / "walk.c").write_text('#include "mm/frame.h"\n')
    assert layers().returncode == 0
    (tmp_path / "pt" / "pin.c").write_text('#include "pv/refuse.h"\n')
    done = layers()
    assert done.returncode == 1 and "pv/refuse.h" in done.stdout


def test_counts_of_test_all():
    source = (ROOT / "scripts" / "test-all").read_text()
    module = types.ModuleType("test_all")
    module.__file__ = str(ROOT / "scripts" / "test-all")
    exec(compile(source, "test-all", "exec"), module.__dict__)  # noqa: S102 (our own script)
    assert module.count("host tests: 40 passed, 2 failed", 1) == (40, 2, 0)
    assert module.count("3 failed, 20 passed, 1 skipped, 2 errors in 3.1s", 1) == (20, 5, 1)
    assert module.count("20 passed in 3.1s", 1) == (20, 1, 0)
    assert module.count("", 1) == (0, 1, 0)


def test_bootstrap_lists_what_is_missing(tmp_path):
    fake = tmp_path / "dpkg-query"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    done = subprocess.run(
        ["sh", ROOT / "scripts" / "bootstrap", "run"],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin", "BOOTSTRAP": "no"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "newlib-source" in done.stdout and "libcmocka-dev" not in done.stdout
    assert "nothing installed" in done.stdout


def test_make_help_names_every_target():
    done = subprocess.run(["make", "-C", ROOT, "help"], capture_output=True, text=True, check=True)
    phony = (ROOT / "Makefile").read_text().split(".PHONY:")[1].replace("\\\n", " ").splitlines()[0]
    for target in phony.split():
        assert f"make {target} " in done.stdout, target
