# SPDX-License-Identifier: MIT
"""Scenarios: their names, their TAP lines, and the ABI's documented freedoms."""
import fnmatch
import re
from dataclasses import dataclass

from .config import ROOT

FOLDER = ROOT / "tests" / "scenarios"
POINT = re.compile(r"^(not )?ok\b\s*(\d+)?\s*(?:-\s*)?([^#]*?)\s*(?:#\s*(.*))?$")
# SCENARIO(ident, "name", "summary") or SCENARIO_FLAGS(ident, "name", "summary", flags)
DEFINED = re.compile(
    r'^SCENARIO(?:_FLAGS)?\(\s*\w+,\s*"(?P<name>[^"]+)",\s*'
    r'(?P<summary>(?:"(?:[^"\\]|\\.)*"\s*)+)(?P<flags>(?:,[^)"]*)?)\)\s*\{',
    re.M,
)
# In the opening comment of a file whose scenarios end their domain: what the log must say.
DIES = re.compile(r"^ \* Dies: (.+)$", re.M)
STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
PASS, FAIL, SKIP, BROKEN, MISSING = "pass", "FAIL", "skip", "ERROR", "-"


@dataclass
class Scenario:
    """One scenario. `alone`: it ends with its domain's death, and runs in a boot of its own;
    the log must then contain `dies`."""

    name: str
    summary: str = ""
    alone: bool = False
    dies: str = ""


@dataclass
class Result:
    """One scenario on one platform."""

    outcome: str
    reason: str = ""


def canonical(name):
    """Scenario names as the command line has them: a file's `_` may be a `-`."""
    return name.strip().replace("_", "-")


def sources():
    """{name: Scenario}: what the files of tests/scenarios/ define, by file and place."""
    found = {}
    for path in sorted(FOLDER.glob("*.c")):
        text = path.read_text(encoding="utf-8")
        dies = DIES.search(text)
        for match in DEFINED.finditer(text):
            summary = "".join(STRING.findall(match["summary"]))
            name = canonical(match["name"])
            alone = "SCENARIO_ALONE" in match["flags"]
            found[name] = Scenario(name, summary, alone, dies[1] if alone and dies else "")
    return found


def select(names, pattern):
    """Names that match a substring or a shell pattern; all without one."""
    if not pattern:
        return list(names)
    wanted = canonical(pattern)
    return [n for n in names if wanted in n or fnmatch.fnmatch(n, wanted)]


def points(lines):
    """{name: Result} from the TAP lines of one run, in their order."""
    found = {}
    for line in lines:
        match = POINT.match(line)
        if not match:
            continue
        name, note = canonical(match[3]), (match[4] or "").strip()
        word = note.split(" ", 1)[0].rstrip(":").upper()
        outcome = FAIL if match[1] else PASS
        if word == "SKIP":
            outcome = SKIP
        elif word == "ERROR" and match[1]:
            outcome = BROKEN
        if name in found:
            found[name] = Result(BROKEN, "reported twice")
        else:
            found[name] = Result(outcome, note)
    return found


def freedoms():
    """{name: reason}: where the ABI lets Pinion and Xen differ."""
    path = FOLDER / "freedoms.txt"
    allowed = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        text = line.split("#", 1)[0].strip()
        if text:
            name, _, reason = text.partition(":")
            allowed[canonical(name)] = reason.strip()
    return allowed
