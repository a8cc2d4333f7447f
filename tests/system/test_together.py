# SPDX-License-Identifier: MIT
"""Several copies of our guest at once, from a set in a file: each does its work as if it were alone."""

import re

import pytest
from conftest import BUILD, call

NAMES = ["one", "two", "three"]
# Faults, forks, tables of every level, grants, timers, user mode; a few seconds for three of them.
SOME = "zero-fill,fork-cow,many-spaces,grants,threads,user-faults,memory-exchange,writable-tables"


def write_set(path, scenarios, **keys):
    lines = ["[machine]", 'options = "audit=exit"']
    for number, name in enumerate(NAMES):
        lines += [f"[domain.{name}]", f'kernel = "{BUILD}/guest.elf"']
        lines += [f'module = "{BUILD}/initrd.cpio"', f'cmdline = "scenarios={scenarios}"']
        lines += [f"{key} = {values[number]}" for key, values in keys.items()]
    path.write_text("\n".join([*lines, "[domain.store]", 'role = "store"', ""]))
    return path


def points(out, name):
    """What one domain reported, without the reasons, which give frames and times."""
    return re.findall(rf"^{name}\| ((?:not )?ok \d+ - [\w-]+)", out, re.M)


@pytest.mark.parametrize("firmware", ["direct", "bios"])
def test_copies(tmp_path, firmware):
    path = write_set(tmp_path / "set.toml", SOME, weight=[100, 256, 900])
    done = call("run", "--domains", path, "--firmware", firmware, "--timeout", 120)
    assert done.status == 0, done.out[-3000:] + done.err
    reports = [points(done.out, name) for name in NAMES]
    assert len(reports[0]) > 15
    assert reports[0] == reports[1] == reports[2]
    for name in NAMES:
        assert f"pinion: domain {name}: poweroff; Test result: SUCCESS" in done.err
    assert "pinion: domain store: was running when the machine ended" in done.err
    audits = re.findall(r"^\(XEN\) audit: .*$", done.out, re.M)
    assert len(audits) >= 3 and all(line.endswith(": ok") for line in audits), audits


def test_a_copy_that_dies_takes_nothing_with_it(tmp_path):
    """One dies of a stack that is not there; the others report what they report without it."""
    path = write_set(tmp_path / "set.toml", "zero-fill,user-faults")
    text = path.read_text().replace("scenarios=zero-fill,user-faults", "scenarios=death-stack", 1)
    path.write_text(text)
    done = call("run", "--domains", path, "--timeout", 60)
    assert done.status == 6, done.out[-3000:] + done.err
    assert "pinion: domain one: crash" in done.err
    for name in NAMES[1:]:
        assert f"pinion: domain {name}: poweroff; Test result: SUCCESS" in done.err
    audits = re.findall(r"^\(XEN\) audit: .*$", done.out, re.M)
    assert audits and all(line.endswith(": ok") for line in audits), audits
